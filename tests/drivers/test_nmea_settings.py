"""What a technician may write of a receiver and its fences, and what is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.nmea.settings import PortSettings, Settings
from gateway.config.load import ConfigError, load
from tests.drivers.test_nmea_fences import square

HEAD = """\
version: 1
gateway: {id: gw-1, site: lab}
segments: {yard: {uplink: {url: "mqtt://127.0.0.1"}}}
read_points:
  a: {uri: "urn:epc:id:sgln:9521141.12345.a", kind: zone}
  b: {uri: "urn:epc:id:sgln:9521141.12345.b", kind: zone}
devices:
"""


def problems(folder: Path, device: str) -> list[str]:
    """`LINE: PATH: text` of each mistake."""
    path = folder / "site.yaml"
    path.write_text(HEAD + device)
    try:
        load(path, ports=True)
    except ConfigError as error:
        return [f"{one.line}: {one.path}: {one.text}" for one in error.problems]
    return []


def fences(a: object, b: object, keys: str = "object: urn:epc:id:giai:9521141.truck12") -> str:
    return (
        f"  truck:\n    driver: nmea\n    segment: yard\n    url: tcp://127.0.0.1:10110\n    {keys}\n    antennas:\n"
        f"      a: {{read_point: a, polygon: {a}}}\n      b: {{read_point: b, polygon: {b}}}\n"
    )


def drawn(side: float, east: float = 0.0) -> list[list[float]]:
    return [list(corner) for corner in square(side, east)]


def test_the_contracts_yard_truck_needs_neither_read_point_nor_fence(tmp_path: Path) -> None:
    line = '{driver: nmea, segment: yard, port: /dev/null, object: "urn:epc:id:giai:9521141.truck12"}'
    path = tmp_path / "site.yaml"
    path.write_text(HEAD.partition("read_points:")[0] + f"devices:\n  yard-truck: {line}\n")
    assert not load(path).warnings


def test_fences_that_touch_are_good(tmp_path: Path) -> None:
    assert problems(tmp_path, fences(drawn(100), drawn(100, 100))) == []


def test_a_ring_that_is_closed_is_the_same_area() -> None:
    corners = square(100)
    assert PortSettings(polygon=(*corners, corners[0])).polygon == tuple(corners)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (fences(drawn(100), drawn(100, 50)), ["15: devices.truck.antennas.b.polygon: overlaps 'a'"]),
        (fences(drawn(100)[:2], drawn(100, 200)), ["14: devices.truck.antennas.a.polygon: an area has three corners"]),
        (
            fences([drawn(100)[n] for n in (0, 2, 1, 3)], drawn(100, 200)),
            ["14: devices.truck.antennas.a.polygon: the borders that begin at corners 1 and 3 cross"],
        ),
        (
            fences([[-8.39, 143.35], *drawn(100)[1:]], [[143.35, -8.39], *drawn(100, 200)[1:]]),
            ["15: devices.truck.antennas.b.polygon: corner 1: a latitude is from -90 to 90, not 143.35"],
        ),
        (
            fences([[43.35, 190.0], *drawn(100)[1:]], drawn(100, 200)),
            ["14: devices.truck.antennas.a.polygon: corner 1: a longitude is from -180 to 180, not 190"],
        ),
        (
            fences([[43.35, -8.39], [43.36, -8.38], [43.37, -8.37]], drawn(100, 20_000)),
            ["14: devices.truck.antennas.a.polygon: the area has", "lie on one line"],
        ),
        (fences(drawn(100), drawn(100, 200), "confirm: 2"), ["devices.truck.antennas: object is missing"]),
        (
            "  truck: {driver: nmea, segment: yard, url: 'tcp://127.0.0.1:1', object: 'urn:a', antennas: {a: a}}\n",
            ["devices.truck.antennas.a: where is it? draw its area, as in polygon: [["],
        ),
        (
            "  truck: {driver: nmea, segment: yard, url: 'tcp://127.0.0.1:1', read_point: a}\n",
            ["devices.truck.read_point: a device of nmea is at no read point as a whole: write antennas"],
        ),
        (
            "  truck: {driver: nmea, segment: yard, port: /dev/ttyUSB99}\n",
            ["devices.truck.port: there is no serial port /dev/ttyUSB99: ", " this machine "],
        ),
        (
            "  truck: {driver: nmea, segment: yard, url: 'tcp://10.20.0.40:10110'}\n",
            ["devices.truck.url: nmea without TLS", "plain_devices: [nmea]"],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_to_do(device: str, words: list[str], tmp_path: Path) -> None:
    found = "\n".join(problems(tmp_path, device))
    for word in words:
        assert word in found, found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "give either port"),
        ({"port": "/dev/ttyACM0", "url": "tcp://a:1"}, "give either port"),
        ({"url": "http://a:1"}, "write tcp://HOST:PORT, or udp://"),
        ({"url": "tcp://10.20.0.40"}, "a host and a port"),
        ({"url": "udp://0.0.0.0:99999"}, "a host and a port"),
        ({"url": "tcp://10.20.0.40:1", "baud": 9600}, "baud has no effect"),
        ({"port": "/dev/ttyACM0", "object": "truck 12"}, "as in urn:epc:id:giai"),
        ({"port": "/dev/ttyACM0", "report": {"min_interval": 90.0}}, "min_interval is longer"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate(given)


def test_what_crosses_a_network_is_plain() -> None:
    assert Settings(url="udp://0.0.0.0:10110").plain == "url"
    assert Settings(url="tcp://127.0.0.1:10110").plain is None
    assert Settings(port="/dev/ttyACM0").plain is None
