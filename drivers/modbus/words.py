"""What devices and units say, in words a technician can act on. Pure."""

from __future__ import annotations

EXCEPTIONS = {
    1: "illegal function: this unit does not read this table",
    2: "illegal data address: this unit has no such register",
    3: "illegal data value: this unit does not read so many registers at once",
    4: "server device failure",
    5: "acknowledge: still working",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""Modbus Application Protocol 1.1b3, section 7."""

NOBODY = frozenset({10, 11})
"""Exceptions by which a gateway says that the unit behind it does not answer."""

NOT_THERE = frozenset({2, 3})
"""Exceptions that one address of a block may be guilty of."""


def exception(code: int) -> str:
    """`modbus exception 2 (illegal data address: …)`."""
    return f"modbus exception {code} ({EXCEPTIONS.get(code, 'not in the standard')})"


def excerpt(data: bytes) -> str:
    """The last bytes in hex, 16 at most."""
    shown = data[-16:].hex(" ")
    return f"… {shown}" if len(data) > 16 else shown
