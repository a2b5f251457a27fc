"""Values put into the text of a site file: the rest stays as a person wrote it."""

from __future__ import annotations

import pytest

from gateway.config.document import parse, plain
from gateway.config.edit import Wanted, edited, line_of

SITE = """\
# A dock.
read_points:
  aisle-a: {uri: "urn:x:{a}", kind: zone}   # the first
  aisle-b:
    uri: urn:x:b
    kind: zone   # the second
    dwell: '1s'
  aisle-c: {}
devices:
  reader:
    antennas:
      1: aisle-a        # by the door
      2: {read_point: aisle-b, rssi_offset_db: 1.5}
      3: {read_point: aisle-b, gate: {on: true}}
      hci0:
        gate:
          on: true
"""


@pytest.mark.parametrize(
    ("place", "value", "number", "before", "after"),
    [
        (
            ("read_points", "aisle-a", "dwell"),
            "2s",
            3,
            ['  aisle-a: {uri: "urn:x:{a}", kind: zone}   # the first'],
            ['  aisle-a: {uri: "urn:x:{a}", kind: zone, dwell: 2s}   # the first'],
        ),
        (("read_points", "aisle-b", "min_reads"), "3", 8, [], ["    min_reads: 3"]),
        (("read_points", "aisle-b", "dwell"), "500ms", 7, ["    dwell: '1s'"], ["    dwell: 500ms"]),
        (("read_points", "aisle-c", "dwell"), "2s", 8, ["  aisle-c: {}"], ["  aisle-c: {dwell: 2s}"]),
        (
            ("devices", "reader", "antennas", 1, "rssi_offset_db"),
            "-2.5",
            12,
            ["      1: aisle-a        # by the door"],
            ["      1: {read_point: aisle-a, rssi_offset_db: -2.5}        # by the door"],
        ),
        (
            ("devices", "reader", "antennas", 2, "rssi_offset_db"),
            "-2.5",
            13,
            ["      2: {read_point: aisle-b, rssi_offset_db: 1.5}"],
            ["      2: {read_point: aisle-b, rssi_offset_db: -2.5}"],
        ),
        (
            ("devices", "reader", "antennas", 3, "rssi_offset_db"),
            "1",
            14,
            ["      3: {read_point: aisle-b, gate: {on: true}}"],
            ["      3: {rssi_offset_db: 1, read_point: aisle-b, gate: {on: true}}"],
        ),
        (
            ("devices", "reader", "antennas", "hci0", "rssi_offset_db"),
            "1",
            16,
            [],
            ["        rssi_offset_db: 1"],
        ),
    ],
)
def test_one_value_changes_one_line(place, value, number, before, after):
    found = edited(SITE, [Wanted(place, value)])
    assert [(line.number, list(line.before), list(line.after)) for line in found.lines] == [(number, before, after)]
    assert found.left == []


def test_several_values_and_a_file_without_an_end_of_line():
    text = "read_points:\n  a: {kind: zone}\n  b:\n    kind: zone"
    wanted = [Wanted(("read_points", name, key), value) for name in "ab" for key, value in (("x", "1"), ("y", "auto"))]
    found = edited(text, wanted)
    assert plain(parse(found.text.encode())[0]) == {
        "read_points": {name: {"kind": "zone", "x": 1, "y": "auto"} for name in "ab"}
    }
    assert found.text == "read_points:\n  a: {kind: zone, x: 1, y: auto}\n  b:\n    kind: zone\n    x: 1\n    y: auto"


@pytest.mark.parametrize(
    "text",
    [
        "read_points:\n  a: &zone {kind: zone}\n  b: *zone\n",
        "read_points:\n  a: &zone\n    kind: zone\n  b:\n    <<: *zone\n    x: 1\n",
        "read_points:\n  - kind: zone\n",
        "read_points: 1\n",
        "",
    ],
)
def test_what_would_change_more_than_that_is_left_to_a_person(text):
    wanted = Wanted(("read_points", "a", "dwell"), "2s")
    assert edited(text, [wanted]) == (text, [], [wanted])


def test_the_line_of_a_place_is_that_of_what_is_there():
    assert line_of(SITE, ("read_points", "aisle-b", "dwell")) == 7
    assert line_of(SITE, ("read_points", "aisle-b", "min_reads")) == 4
    assert line_of(SITE, ("nothing",)) == 1
