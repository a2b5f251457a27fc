"""Which machine this is: two boxes that were made from one image are two."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")
SERIALS = (Path("/sys/firmware/devicetree/base/serial-number"), Path("/sys/class/dmi/id/product_uuid"))
"""What the board says of itself (Devicetree specification 2.3.1; SMBIOS 7.2), where it does and we may read it."""


def machine() -> str:
    """systemd's machine-id(5), and the board's serial number; empty where there is neither."""
    parts = []
    for path in (MACHINE_ID, *SERIALS):
        with suppress(OSError):
            parts.append(path.read_text(encoding="ascii", errors="replace").strip("\0 \n"))
    return "/".join(part for part in parts if part)
