"""The demo's site file: what a technician would write for this warehouse, with the ports that happen to be free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.demo.broker import Broker

AISLES = ("aisle-a", "aisle-b", "aisle-c", "aisle-d")

_HEAD = """\
version: 1
gateway: {{id: gw-demo, site: demo, timezone: Europe/Madrid, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink:
      url: mqtts://127.0.0.1:{uplink}
      tls: {{ca: ca.pem, cert: gateway.pem, key: gateway.key}}
      protocol: "{protocol}"
    plain_devices: [llrp]
read_points:
"""

_ZONE = '  {name}: {{uri: "urn:epc:id:sgln:9521141.12345.{code}", kind: zone}}\n'

_DOCK = """\
  dock-1:
    uri: urn:epc:id:sgln:9521141.12345.dock1
    kind: portal
    location: {{in: "urn:epc:id:sgln:9521141.12345.0", out: "urn:epc:id:sgln:9521141.99999.0"}}
    biz_step: {{in: receiving, out: shipping}}
    disposition: {{in: in_progress, out: in_transit}}
devices:
  dock-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {dock}
    antennas:
      1: {{read_point: dock-1, side: outside}}
      2: {{read_point: dock-1, side: inside}}
  aisle-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {aisle}
    antennas:
"""

_OWN = """\
devices:
  reader:
    driver: llrp
    segment: rfid
    host: "{host}"
    port: {port}
    antennas:
"""


def simulated(broker: Broker, uplink: int, ports: Mapping[str, int]) -> str:
    """A dock door and four aisles, read by the simulated readers at these `ports`."""
    return (
        _HEAD.format(uplink=uplink, protocol=broker.protocol)
        + _zones(AISLES)
        + _DOCK.format(dock=ports["dock-reader"], aisle=ports["aisle-reader"])
        + _antennas(AISLES)
    )


def own(broker: Broker, uplink: int, host: str, port: int) -> str:
    """A person's own reader, each of its first four antennas a zone."""
    zones = tuple(f"antenna-{number}" for number in range(1, 5))
    head = _HEAD.format(uplink=uplink, protocol=broker.protocol)
    return head + _zones(zones) + _OWN.format(host=host, port=port) + _antennas(zones)


def write(folder: Path, text: str) -> Path:
    """The site file in `folder`, with the folders it names."""
    for name in ("state", "run"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def _zones(names: tuple[str, ...]) -> str:
    return "".join(_ZONE.format(name=name, code=name.replace("-", "")) for name in names)


def _antennas(names: tuple[str, ...]) -> str:
    return "".join(f"      {number}: {name}\n" for number, name in enumerate(names, start=1))
