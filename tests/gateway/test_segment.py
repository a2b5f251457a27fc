"""A segment as it runs: what its file says reaches the parts it is about."""

from __future__ import annotations

from pathlib import Path

from gateway.config.load import load
from gateway.segment import running
from tests.driving import until

SITE = """\
version: 1
gateway: {{id: gw-1, site: lab, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}
    device_interface: nowhere0
read_points:
  shelf: {{uri: "urn:epc:id:sgln:9521141.12345.shelf", kind: zone}}
devices:
  reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {port}, read_point: shelf}}
"""


async def test_device_sockets_are_bound_to_the_segments_interface(tmp_path: Path, free_port: int) -> None:
    """One that is not there, so that nothing goes out another way."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(port=free_port))
    async with running(load(file).site, "rfid", "1") as parts:
        await until(lambda: parts.devices.health[0].state == "offline")
        [reader] = parts.devices.health
    assert "cannot be bound to nowhere0" in reader.cause
