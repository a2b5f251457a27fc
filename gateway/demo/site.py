"""The demo's site file: what a technician would write for this warehouse, with the ports that happen to be free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.demo.broker import Broker

AISLES = ("aisle-a", "aisle-b", "aisle-c", "aisle-d")
STAGING = ("staging-1", "staging-2")
ADAPTERS = ("hci0", "hci1")
GATEWAY = "gw-demo"

CAGES = "cages.csv"
"""The identity map of the beacons."""

TRUCK = "urn:epc:id:giai:9521141.truck12"
PARKING = ((43.35120, -8.39100), (43.35120, -8.38950), (43.35060, -8.38950), (43.35060, -8.39100))
RAMP = ((43.35060, -8.39100), (43.35060, -8.38950), (43.35020, -8.38950), (43.35020, -8.39100))

_HEAD = f"version: 1\ngateway: {{id: {GATEWAY}, site: demo, timezone: Europe/Madrid, state_dir: state, run_dir: run}}\n"

_SEGMENT = """\
  {name}:
    uplink:
      url: mqtts://127.0.0.1:{uplink}
      tls: {{ca: ca.pem, cert: {identity}.pem, key: {identity}.key}}
      protocol: "{protocol}"
    plain_devices: [{plain}]
"""

_ZONE = '  {name}: {{uri: "urn:epc:id:sgln:9521141.12345.{code}", kind: zone{more}}}\n'

_DOCK = """\
  dock-1:
    uri: urn:epc:id:sgln:9521141.12345.dock1
    kind: portal
    location: {in: "urn:epc:id:sgln:9521141.12345.0", out: "urn:epc:id:sgln:9521141.99999.0"}
    biz_step: {in: receiving, out: shipping}
    disposition: {in: in_progress, out: in_transit}
  belt-1:
    uri: urn:epc:id:sgln:9521141.12345.belt1
    kind: checkpoint
    gate: {device: conveyor, signal: beam, hold: 500ms}   # a scan counts only while the photo-eye sees something
"""

_GATE = '  yard-gate: {uri: "urn:epc:id:sgln:9521141.12345.gate1", kind: checkpoint}\n'

_RFID_DEVICES = """\
  dock-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {dock-reader}
    antennas:
      1: {{read_point: dock-1, side: outside}}
      2: {{read_point: dock-1, side: inside}}
  belt-scanner: {{driver: barcode, segment: rfid, port: "socket://127.0.0.1:{belt-scanner}", read_point: belt-1}}
  conveyor:
    driver: modbus
    segment: rfid
    url: tcp://127.0.0.1:{conveyor}
    interval: 50ms
    points:
      beam: {{table: discrete, address: 3, signal: true}}
      motor: {{table: input, address: 1, type: int16, scale: 0.1, uom: CEL, interval: 2s}}
  aisle-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {aisle-reader}
    antennas:
"""

_BLE_DEVICES = "  beacons: {{driver: ble, segment: ble, antennas: {{{antennas}}}}}\n"

_YARD_DEVICES = """\
  yard-truck:
    driver: nmea
    segment: yard
    url: tcp://127.0.0.1:{yard-truck}
    object: {truck}
    antennas:
      parking: {{read_point: parking, polygon: {parking}}}
      ramp: {{read_point: ramp, polygon: {ramp}}}
    report: {{distance_m: 10}}
  meter:
    driver: modbus
    segment: yard
    url: tcp://127.0.0.1:{meter}
    profile: eastron-sdm630
    only: [power, voltage_l1]
    interval: 2s
  handhelds:
    driver: http
    segment: yard
    listen: 127.0.0.1:{handhelds}
    tls: {{cert: handhelds.pem, key: handhelds.key}}
    token: ${{file:handhelds.token}}
    read_point: yard-gate
"""

_OWN = """\
  reader:
    driver: llrp
    segment: rfid
    host: "{host}"
    port: {port}
    antennas:
"""


def identity(segment: str) -> str:
    """CN of the certificate of a segment, MQTT user and topic level."""
    return f"{GATEWAY}.{segment}"


def simulated(broker: Broker, uplink: int, ports: Mapping[str, int], *, beacons: bool) -> str:
    """The warehouse and its yard, with the simulated devices at these `ports`; `beacons`, where they can be played."""
    plain = {"rfid": "llrp, barcode, modbus", "ble": "", "yard": "nmea, modbus"}
    if not beacons:
        del plain["ble"]
    antennas = ", ".join(f"{adapter}: {zone}" for adapter, zone in zip(ADAPTERS, STAGING, strict=True))
    parking, ramp = ([list(corner) for corner in area] for area in (PARKING, RAMP))
    places = [_zones(AISLES), _DOCK, _zones(STAGING) if beacons else "", _zones(("parking", "ramp"), 6.0), _GATE]
    devices = [
        _RFID_DEVICES.format_map(ports) + _antennas(AISLES),
        _BLE_DEVICES.format(antennas=antennas) if beacons else "",
        _YARD_DEVICES.format_map({**ports, "truck": TRUCK, "parking": parking, "ramp": ramp}),
    ]
    return _site(broker, uplink, plain, places, devices)


def own(broker: Broker, uplink: int, host: str, port: int) -> str:
    """A person's own reader, each of its first four antennas a zone."""
    zones = tuple(f"antenna-{number}" for number in range(1, 5))
    return _site(
        broker, uplink, {"rfid": "llrp"}, [_zones(zones)], [_OWN.format(host=host, port=port) + _antennas(zones)]
    )


def identity_map(uris: Mapping[str, str]) -> str:
    """The identity map: each beacon's name on the air, and the roll cage it hangs on."""
    return "identifier,id\n" + "".join(f"{beacon},{cage}\n" for beacon, cage in uris.items())


def write(folder: Path, text: str) -> Path:
    """The site file in `folder`, with the folders it names."""
    for name in ("state", "run"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def _site(broker: Broker, uplink: int, plain: Mapping[str, str], places: list[str], devices: list[str]) -> str:
    segments = "".join(
        _SEGMENT.format(name=name, identity=identity(name), uplink=uplink, protocol=broker.protocol, plain=drivers)
        + (f"    identities: {CAGES}\n" if name == "ble" else "")
        for name, drivers in plain.items()
    )
    return f"{_HEAD}segments:\n{segments}read_points:\n{''.join(places)}devices:\n{''.join(devices)}"


def _zones(names: tuple[str, ...], timeout: float | None = None) -> str:
    more = "" if timeout is None else f", presence_timeout: {timeout:g}s"
    return "".join(_ZONE.format(name=name, code=name.replace("-", ""), more=more) for name in names)


def _antennas(names: tuple[str, ...]) -> str:
    return "".join(f"      {number}: {name}\n" for number, name in enumerate(names, start=1))
