"""The parts of tuning: a walk, the score, levels, silences, trials, and a search that does not fit noise."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Settings as DeviceSettings
from gateway.config.site import Device, Gateway, Segment, Site, Uplink
from gateway.model import Port, ReadPoint, Rules
from gateway.replay import replay
from gateway.tuning.events import Event, parse_event
from gateway.tuning.gaps import gaps
from gateway.tuning.offsets import gains
from gateway.tuning.score import Judge, Tally, gain, together
from gateway.tuning.search import Search, most_trials, with_floors
from gateway.tuning.settings import Edit, Settings, edits
from gateway.tuning.stands import Sample, stands
from gateway.tuning.trial import decide, load_recording, outages
from gateway.tuning.walk import Change, WalkError, parse_walk
from simulators import warehouse as world

TAG = "urn:epc:id:sgtin:9506000.013435.1"
ZONES = {"a": "zone", "b": "zone", "dock": "portal"}


def walk(*rows):
    return parse_walk(["time,object,read_point", *rows], ZONES, lambda epc: f"urn:{epc.hex()}")


def test_a_walk_takes_both_times_both_names_and_any_order_of_rows_and_columns():
    rows = ["2026-09-21T14:13:30Z,30AB,b", "1790000000,30ab, a ", "1790000020.5, urn:x:1 ,"]
    assert walk(*rows) == {
        "urn:30ab": [Change(1790000000.0, "a"), Change(1790000010.0, "b")],
        "urn:x:1": [Change(1790000020.5, None)],
    }
    turned = parse_walk(["\ufeffread_point,time,object", "a,1790000001,urn:x"], ZONES, str)
    assert turned == {"urn:x": [Change(1790000001.0, "a")]}


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
@pytest.mark.parametrize("named", [False, True])
def test_a_walk_is_separated_as_a_spreadsheet_does(between, named):
    lines = [
        f"{between.join(row)}\r\n" for row in (["time", "object", "read_point"], ["1e9", "urn:x", "a"], ["", "", ""])
    ]
    if named:
        lines.insert(0, f"sep={between}\r\n")
    if named or between != "|":
        assert parse_walk(lines, ZONES, str) == {"urn:x": [Change(1e9, "a")]}
    with pytest.raises(WalkError, match=r"^[12]: the first line is time,object,read_point"):
        parse_walk([*lines[:named], f"time{between}who\r\n", *lines], ZONES, str)


@pytest.mark.parametrize("time", ["46348.4", "0", "-1790000000", "999999999", "0.7"])
def test_a_day_of_a_spreadsheet_is_no_time(time):
    """46348.4 is 2026-11-22 09:36 in the 1900 date system, and 1970-01-01 12:52:28 in Unix seconds."""
    for lines in (
        ["time,object,read_point", f"{time},urn:x,a"],
        ["", f'{{"time": {time}, "epc": "30ab", "zone": "a"}}'],
    ):
        with pytest.raises(WalkError, match=rf"^2: time {time}.* is no Unix time .*: write 2026-11-21T17:42:03\+01:00"):
            parse_walk(lines if lines[0] else [lines[1].replace(time, "1e9"), lines[1]], ZONES, lambda epc: epc.hex())


def test_all_mistakes_of_a_walk_are_told_at_once():
    with pytest.raises(WalkError) as caught:
        walk("1e9,urn:x,dock", "1e9,urn:x,a", "2026-09-21T14:13:30,urn:x,a")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["2", "4"]
    assert "'dock' is a portal" in caught.value.problems[0]
    assert "has no offset" in caught.value.problems[1]
    for rows in (["1e9,urn:x,\0"], ['1e9,"urn:x', "a", "b"], ["1e9,urn:x," + "a" * 200_000]):
        with pytest.raises(WalkError, match=r"^\d+: "):
            walk(*rows)


def test_a_walk_is_also_what_a_simulated_floor_writes():
    told = [world.Change(1790000010.5, b"\x30\xab", "b"), world.Change(1790000000.0, b"\x30\xab", "a")]
    told += [world.Change(1790000020.0, b"\x30\xab", None), world.Change(1790000015.0, b"\x30\xab", "dock", "out")]
    lines = [change.line() + "\n" for change in told]
    assert parse_walk([*lines, "\n"], ZONES, lambda epc: f"urn:{epc.hex()}") == {
        "urn:30ab": [Change(1790000000.0, "a"), Change(1790000010.5, "b"), Change(1790000020.0, None)]
    }
    bad = [
        '{"time": 1, "epc": "30ab"}',
        "{",
        '{"time": 1e9, "epc": "x", "zone": "a"}',
        "[]",
        '{"time": "1e9", "epc": "30AB", "zone": "c"}',
    ]
    with pytest.raises(WalkError) as caught:
        parse_walk([*lines, *bad], ZONES, str)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["5", "6", "7", "8", "9"]
    assert "there is no read point 'c'" in caught.value.problems[-1]


@given(
    st.lists(
        st.text(max_size=60)
        | st.sampled_from(["time,object,read_point", "{", '{"time":1e9,"epc":"30","zone":"a"}', "1e9,urn:x,a"]),
        max_size=6,
    )
)
def test_whatever_a_walk_is_it_is_one_or_every_mistake_has_its_line(lines):
    problems: list[str] = []
    try:
        assert all(parse_walk(lines, ZONES, lambda epc: epc.hex()).values())
    except WalkError as error:
        problems = error.problems
    assert all(problem.split(":")[0].isdecimal() for problem in problems)


# Score


def scored(said, truth, end=100.0, off=()):
    return together(Judge({TAG: truth}, 0.0, end, off, 25.0).score({TAG: said}))


def test_all_right_is_one():
    truth = [Change(0, "a"), Change(40, "b"), Change(80, None)]
    found = scored(truth, truth)
    assert (found.f1, found.time_right, found.wanted, found.total) == (1.0, 1.0, 3, 100.0)


def test_events_count_near_the_change_and_time_as_it_was_said():
    truth = [Change(0, "a"), Change(40, "b")]
    found = scored([Change(10, "a"), Change(36, "b")], truth)
    assert (found.f1, found.time_right) == (1.0, (26 + 60) / 100)
    late = scored([Change(21, "a"), Change(35, "b")], truth)
    assert (late.good, late.found, late.f1) == (0, 0, 0.0)
    gone = [Change(0, "a"), Change(50, None)]
    assert scored([Change(0, "a"), Change(20, None)], gone).f1 == 1.0, "a departure is dated by the last read"
    assert scored([Change(0, "a"), Change(19, None)], gone).good == 1


def test_a_zone_that_is_walked_through_need_not_be_told_and_may():
    truth = [Change(0, "a"), Change(40, "b"), Change(44, "c")]
    assert scored([Change(0, "a"), Change(44, "c")], truth).f1 == 1.0
    assert scored([Change(0, "a"), Change(41, "b"), Change(44, "c")], truth).f1 == 1.0
    false = scored([Change(0, "a"), Change(20, "b"), Change(44, "c")], truth)
    assert (false.good, false.events, false.found, false.wanted) == (2, 3, 2, 2)


def test_while_the_device_was_off_time_counts_for_nothing():
    truth = [Change(0, "a"), Change(30, "b")]
    found = scored([Change(0, "a"), Change(60, "b")], truth, off=[(20.0, 60.0)])
    assert (found.time_right, found.total, found.f1) == (1.0, 60.0, 1.0)


def test_a_walk_that_began_before_the_recording_and_went_on_after_it_counts_as_far_as_it_was_recorded():
    truth = [Change(-90, "c"), Change(-30, "a"), Change(40, "b"), Change(120, "a"), Change(200, "b"), Change(260, None)]
    found = scored([Change(1, "a"), Change(40, "b")], truth)
    assert (found.f1, found.wanted, found.events, found.total) == (1.0, 2, 2, 100.0)
    gone = scored([Change(60, "a")], [Change(-90, "a"), Change(-30, None), Change(60, "a")])
    assert (gone.f1, gone.time_right) == (1.0, 1.0), "who was gone before is no departure that could be told"


def test_pieces_add_up_and_what_is_not_in_the_truth_counts_for_nothing():
    judge = Judge({TAG: [Change(0, "a"), Change(60, "b")]}, 0.0, 100.0, [], 25.0)
    pieces = judge.score({TAG: [Change(1, "a"), Change(61, "b")], "urn:other": [Change(5, "a")]})
    assert {number for _, number in pieces} == {0, 1, 2, 3}
    assert sum(tally.total for tally in pieces.values()) == 100.0
    assert pieces[TAG, 2] == Tally(found=1, wanted=1, good=1, events=1, right=24.0, total=25.0)


# Levels and silences

FLOOR = {("r", n): f"z{n}" for n in (1, 2, 3)}


def still(rng, name, home, louder, count=3, start=0.0):
    """A tag that stands under one antenna: near to it, 12 dB farther from each other one."""
    for n in range(count * 20):
        for port in FLOOR:
            far = 0.0 if port[1] == home else 12.0
            level = -50.0 - far + louder[port[1]] + rng.gauss(0, 2)
            yield Sample(name, port, start + n / 2, level)


def test_gains_are_found_where_tags_stand_unevenly():
    rng, louder = random.Random(1), {1: 4.0, 2: -3.0, 3: -1.0}
    samples = [
        sample
        for home, tags in ((1, 6), (2, 40), (3, 6))
        for tag in range(tags)
        for sample in still(rng, f"{home}/{tag}", home, louder)
    ]
    found = gains(stands(samples), dict.fromkeys(FLOOR, "llrp"), lambda _: list(FLOOR))
    assert {port[1]: round(each.gain) for port, each in found.items()} == {1: 4, 2: -3, 3: -1}
    few = [sample for sample in samples if not sample.object.startswith("1/") or sample.object == "1/0"]
    assert ("r", 1) not in gains(stands(few), dict.fromkeys(FLOOR, "llrp"), lambda _: list(FLOOR))
    assert gains([], {}, lambda _: []) == {}


def test_a_tag_that_moves_does_not_stand_and_a_truth_says_where_it_did():
    rng, level = random.Random(2), {1: 0.0, 2: 0.0, 3: 0.0}
    samples = [*still(rng, "x", 1, level), *still(rng, "x", 2, level, start=30.0)]
    assert [stand.zone for stand in stands(samples)] == [None, None]
    told = stands(samples, {"x": [Change(0, "z1"), Change(30, "z2")]})
    assert [stand.zone for stand in told] == ["z1", "z2"]
    assert stands(samples, {"x": [Change(100, "z1")]}) == []


def test_silences_by_zone():
    samples = [Sample("x", ("r", 1), time, -50.0) for time in (0, 1, 2, 3, 43, 44, 2000)]
    found = gaps(samples, FLOOR, {"z1": 30.0})
    assert (found["z1"].silences, found["z1"].median, found["z1"].longest, found["z1"].over) == (5, 1.0, 40.0, 1)
    truth = {"x": [Change(0, "z1"), Change(20, "z2")]}
    found = gaps(samples, FLOOR, {"z1": 30.0}, truth)
    assert {zone: (each.silences, each.longest) for zone, each in found.items()} == {"z1": (3, 1.0), "z2": (1, 1.0)}


# Trials and the search

T0 = 1_790_000_000.0


def site():
    points = {name: ReadPoint(name, f"urn:x:{name}", "zone") for name in ("a", "b")}
    rules = Rules(points, (Port("reader", 1, "a"), Port("reader", 2, "b", rssi_offset_db=1.5)))
    return Site(
        Gateway("gw-1", "dc1"),
        {"rfid": Segment("rfid", Uplink("broker", 8883), rules=rules)},
        points,
        {"reader": Device("reader", "llrp", "rfid", DeviceSettings())},
    )


def lines():
    """Tags that change sides, a device that is away for a while, and one that is not of this site."""
    rng = random.Random(3)
    for n in range(4000):
        antenna = 1 + (n // 500 + n % 3) % 2
        epc = f"{(0x30 << 88) | (1 << 85) | (5 << 82) | (9506000 << 58) | (13435 << 38) | n % 3:024x}"
        more = {"rssi": rng.gauss(-55, 3), "received": T0 + n / 10 + 0.04}
        yield json.dumps({"time": T0 + n / 10, "device": "reader", "antenna": antenna, "epc": epc, **more}).encode()
        if n % 1000 == 49:
            yield json.dumps({"time": T0 + n / 10 + 0.05, "device": "reader", "state": "online"}).encode()
        if n % 1000 == 999:
            yield json.dumps({"time": T0 + n / 10 + 0.05, "device": "reader", "state": "offline"}).encode()
            yield json.dumps({"time": T0 + n / 10 + 0.06, "device": "other", "id": "x"}).encode()


def test_a_trial_decides_as_replay_does():
    where = site()
    segment = where.segments["rfid"]
    recording = load_recording(where, lines())
    ours = decide(recording, segment, segment.rules, frozenset(["reader"]))
    names = {point.uri: name for name, point in where.read_points.items()}
    theirs = [parse_event(message, names) for message in replay(where, lines())]

    def rounded(event: Event):
        return (*event[:3], round(event.time, 3), round(event.decided, 3))

    assert [rounded(event) for event in ours] == [rounded(event) for event in theirs]
    assert len(ours) > 5
    assert [round(end - begin) for begin, end in outages(recording, frozenset(["reader"]))] == [5, 5, 5, 0]


def test_a_trial_decides_what_is_due_when_the_recording_ends_within_a_step():
    where = site()
    segment = where.segments["rfid"]
    epc = f"{(0x30 << 88) | (1 << 85) | (5 << 82) | (9506000 << 58) | (13435 << 38) | 1:024x}"
    heard = [
        json.dumps({"time": T0 + n / 10 + 0.05, "device": "reader", "antenna": 1, "epc": epc, "rssi": -55}).encode()
        for n in range(21)
    ]
    counts = []
    for count in range(1, len(heard) + 1):
        ours = decide(load_recording(where, heard[:count]), segment, segment.rules, frozenset(["reader"]))
        assert len(ours) == len(list(replay(where, heard[:count])))
        counts.append(len(ours))
    assert counts[0] == 0
    assert counts[-1] == 1


def test_settings_become_rules_and_places_in_the_file():
    rules = site().segments["rfid"].rules
    settings = Settings((("dwell", 0.5), ("presence_timeout", None), ("min_reads", 1)), ((("reader", 1), -2.5),))
    after = settings.applied(rules)
    assert {point.dwell for point in after.read_points.values()} == {0.5}
    assert [port.rssi_offset_db for port in after.ports] == [-2.5, 1.5]
    assert edits(rules, settings) == [
        Edit(("read_points", "a", "dwell"), "1s", "500ms"),
        Edit(("read_points", "b", "dwell"), "1s", "500ms"),
        Edit(("devices", "reader", "antennas", 1, "rssi_offset_db"), "0", "-2.5"),
    ]


def pieces(rng, share, count=60):
    """Events of which that share is right, in pieces of many objects."""
    out = {}
    for n in range(count):
        hits = sum(rng.random() < share for _ in range(10))
        out[f"tag-{n // 4}", n % 4] = Tally(hits, 10, hits, 10, 10.0 * hits, 100.0)
    return out


def searched(share_of, offsets=()):
    """What is proposed where settings are right in that share; each trial draws anew, as noise does."""
    asked = []

    def trial(settings):
        asked.append(settings)
        return pieces(random.Random(str(settings)), share_of(settings))

    grid = with_floors([])
    found = Search(trial, grid, {"hysteresis_db": 4.0, "dwell": 1.0, "min_reads": 1}).run(offsets)
    assert len(asked) == found.trials <= most_trials(grid, offsets=bool(offsets))
    return found


def test_noise_is_not_fitted():
    found = searched(lambda _: 0.9, offsets=((("r", 1), 2.0),))
    assert found.settings == Settings()
    assert found.before == found.after


def test_what_helps_is_found_and_nothing_else():
    def share(settings):
        return 0.7 + 0.2 * (dict(settings.zones).get("dwell") == 3.0) + 0.05 * bool(settings.offsets)

    found = searched(share, offsets=((("r", 1), 2.0),))
    assert dict(found.settings.zones)["dwell"] == 3.0
    assert set(found.settings.parts) <= {"dwell", "offsets"}
    assert found.after.whole.worth > found.before.whole.worth + 0.1
    assert found.after.held_out.worth > found.before.held_out.worth


def test_a_gain_of_two_pieces_is_never_sure():
    one, other = pieces(random.Random(1), 0.1, 2), pieces(random.Random(1), 0.9, 2)
    assert gain(one, other)[1] >= 1.0
    assert gain({}, {}) == (0.0, 1.0)


def test_floors_are_taken_from_the_levels_that_are_there():
    assert with_floors([float(level) for level in range(-90, -50)])["rssi_floor_dbm"] == (None, -90, -89, -86, -82)


def test_a_recording_is_bounded(monkeypatch):
    monkeypatch.setattr("gateway.tuning.trial.MOST", 3)
    with pytest.raises(ValueError, match=r"^4: more than 3 lines"):
        load_recording(site(), lines())


def test_a_read_has_the_name_that_events_have():
    events = decide(
        load_recording(site(), lines()), site().segments["rfid"], site().segments["rfid"].rules, frozenset(["reader"])
    )
    assert {event.object for event in events} == {f"urn:epc:id:sgtin:9506000.013435.{n}" for n in range(3)}
