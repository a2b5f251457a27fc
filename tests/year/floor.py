"""What happens on the floor: tags that come once, walk, are scanned and go; a thermometer; tags nobody can name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from drivers.contract import Measurement, Observation, Read
from tests.year.reader import Planned

DAY = 86_400.0
BELTS = 7
STORY = 420.0
"""Seconds from a tag's first read to its last."""

_SGTIN = bytes.fromhex("3034257bf7194e40")
_RAW = bytes.fromhex("e280116060000000")
_WINDOW = 20.0
"""Seconds of reads that arrive together."""

SITE = """\
version: 1
drivers: [year]
gateway: {{id: gw-07, site: dc1, timezone: Europe/Madrid, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink: {{url: "mqtt://127.0.0.1:{port}"}}
    outbox: {{max_size: 512MiB, linger: 2ms}}
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: {timeout}, dwell: 1s}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: {timeout}, dwell: 1s}}
  dock: {{uri: "urn:epc:id:sgln:9521141.12345.dock", kind: portal}}
{belts}
devices:
  reader:
    driver: year
    segment: rfid
    antennas:
      1: aisle-a
      2: aisle-b
      3: {{read_point: dock, side: outside}}
      4: {{read_point: dock, side: inside}}
{ports}
"""


def site(port: int, month: int) -> str:
    """The site file of a month: each has another time-out, and a belt and a scanner with names of its own."""
    names = {f"belt-{number}": number for number in range(BELTS)} | {f"extra-{month}": BELTS}
    belts = "".join(
        f'  {name}: {{uri: "urn:epc:id:sgln:9521141.12345.{name}", kind: checkpoint, dedup: 5s}}\n' for name in names
    )
    ports = "".join(f"      {5 + number}: {name}\n" for name, number in names.items())
    extra = f"  scanner-{month}: {{driver: year, segment: rfid, read_point: extra-{month}}}\n"
    return SITE.format(port=port, timeout="60s" if month % 2 else "90s", belts=belts, ports=ports + extra)


def story(serial: int, begin: float) -> Iterator[tuple[float, Read]]:
    """A tag's only day: in through the dock (every fourth), aisle a, aisle b, gone; then over the belts."""
    value = _SGTIN + serial.to_bytes(4, "big")

    def read(at: float, antenna: int, rssi: float) -> tuple[float, Read]:
        return begin + at, Read("epc", value, begin + at, antenna, rssi)

    if serial % 4 == 0:
        for index in range(4):
            yield read(index * 0.3, 3, -55.0 + index)
            yield read(1.5 + index * 0.3, 4, -55.0 + index)
    for index in range(4):
        yield read(10.0 + index, 1, -50.0)
        yield read(40.0 + index, 2, -50.0)
    for belt in range(BELTS):
        yield read(200.0 + 20.0 * belt, 5 + belt, -45.0)


class Floor:
    """`tags` a day, in `steps`; serial numbers are never used twice."""

    def __init__(self, tags: int, steps: int) -> None:
        self.serials = itertools.count(1)
        self._tags = tags
        self._steps = steps
        self.length = DAY / steps

    def step(self, begin: float, index: int) -> list[Planned]:
        """What is read in one step of a day."""
        count = self._tags * (index + 1) // self._steps - self._tags * index // self._steps
        free = self.length - STORY
        seen: list[tuple[float, Observation]] = []
        for number in range(count):
            seen += story(next(self.serials), begin + free * number / max(1, count))
        at = begin + self.length / 2
        seen.append((at, Measurement("temperature", 20.0 + index % 5, "CEL", "good", at)))
        nameless = _RAW + next(self.serials).to_bytes(4, "big")
        seen.append((at, Read("epc", nameless, at, 5, -40.0)))
        seen.sort(key=lambda one: one[0])
        return list(_together(seen))


def _together(seen: Sequence[tuple[float, Observation]]) -> Iterator[Planned]:
    for _, group in itertools.groupby(seen, lambda one: one[0] // _WINDOW):
        some = list(group)
        yield some[-1][0], [one for _, one in some]
