"""Replay: the same decisions as `run`, in the recording's own time; and how good they are where the truth is known."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import datetime
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Settings
from drivers.lines import RecordingError
from gateway.config.site import Device, Gateway, Segment, Site, Uplink
from gateway.model import Port, ReadPoint, Rules
from gateway.replay import replay

T0 = 1_790_000_000.0
SSCC = "3100000000000000000000"


def site(kinds, **segments):
    """A site of one reader whose antennas 1, 2 … stand at read points of these kinds; `segments` adds empty ones."""
    points = {
        f"p{n}": ReadPoint(f"p{n}", f"urn:epc:id:sgln:9521141.12345.p{n}", kind) for n, kind in enumerate(kinds, 1)
    }
    ports = tuple(Port("reader", n, name) for n, name in enumerate(points, 1))
    rules = Rules(points, ports)
    every = {"rfid": Segment("rfid", Uplink("broker", 8883), rules=rules)}
    every |= {name: Segment(name, Uplink("broker", 8883)) for name in segments}
    devices = {"reader": Device("reader", "llrp", "rfid", Settings())}
    devices |= {f"{name}-device": Device(f"{name}-device", "llrp", name, Settings()) for name in segments}
    return Site(Gateway("gw-1", "dc1"), every, points, devices)


def read(time, antenna, tag=1, device="reader", **more):
    epc = f"{(0x30 << 88) | (1 << 85) | (5 << 82) | (9506000 << 58) | (13435 << 38) | tag:024x}"
    return json.dumps({"time": T0 + time, "device": device, "antenna": antenna, "epc": epc, "rssi": -50, **more})


def state(time, said, device="reader"):
    return json.dumps({"time": T0 + time, "device": device, "state": said})


def seconds(text):
    return datetime.fromisoformat(text).timestamp() - T0


def test_messages_are_numbered_events_of_the_stream_replay():
    lines = [read(0, 1), read(1, 1, tag=2), read(2, 1, tag=3)]
    said = [json.loads(line) for line in replay(site(["checkpoint"]), lines)]
    assert [one["sequence"] for one in said] == ["1", "2", "3"]
    assert {(one["stream"], one["epoch"], one["type"]) for one in said} == {("replay", 0, "readpoint.epcis.v1")}
    assert said[0]["data"]["epcList"] == ["urn:epc:id:sgtin:9506000.013435.1"]
    assert said[0]["data"]["eventID"] == said[0]["id"]
    assert [seconds(one["time"]) for one in said] == [0.0, 1.0, 2.0]


def test_deadlines_fire_before_the_line_at_their_own_time_and_time_ends_with_the_last_line():
    lines = [read(0, 1), state(2, "online")]
    [arrived] = [json.loads(line) for line in replay(site(["zone", "zone"]), lines)]
    assert (seconds(arrived["data"]["eventTime"]), seconds(arrived["time"])) == (0.0, 2.0)
    assert list(replay(site(["zone", "zone"]), [read(0, 1), state(1.9, "online")])) == []
    [_, departed] = [json.loads(line) for line in replay(site(["zone", "zone"]), [read(0, 1), state(500, "online")])]
    assert seconds(departed["time"]) == 30.0
    assert departed["data"]["readpoint:observation"]["reason"] == "timeout"


def test_lines_out_of_order_do_not_turn_time_back():
    said = [json.loads(one) for one in replay(site(["checkpoint"]), [read(10, 1), read(5, 1, tag=2)])]
    assert [(seconds(one["data"]["eventTime"]), seconds(one["time"])) for one in said] == [(10.0, 10.0), (5.0, 10.0)]


def test_a_line_that_was_received_later_is_decided_then():
    [said] = [json.loads(one) for one in replay(site(["checkpoint"]), [read(10, 1, received=T0 + 40)])]
    assert (seconds(said["data"]["eventTime"]), seconds(said["time"])) == (10.0, 40.0)


def test_two_runs_differ_in_ids_alone():
    lines = [read(step / 4, 1 + step // 40 % 2, tag=step % 3) for step in range(400)] + [state(200, "online")]
    first, second = ([json.loads(one) for one in replay(site(["zone", "zone"]), lines)] for _ in range(2))
    assert len(first) > 6
    for one in first + second:
        one["id"] = one["data"]["eventID"] = None
    assert first == second


def belts(floor):
    """Two readers over two belts and an aisle; a floor under RSSI has every read asked for it."""
    points = {
        name: ReadPoint(
            name, f"urn:epc:id:sgln:9521141.12345.{name}", kind, dedup=2.0, peak_wait=0.35, rssi_floor_dbm=floor
        )
        for name, kind in (("p1", "checkpoint"), ("p2", "checkpoint"), ("p3", "zone"))
    }
    devices = ("reader", "other")
    ports = tuple(Port(device, n, name) for device in devices for n, name in enumerate(points, 1))
    segment = Segment("rfid", Uplink("broker", 8883), rules=Rules(points, ports))
    known = {device: Device(device, "llrp", "rfid", Settings()) for device in devices}
    return Site(Gateway("gw-1", "dc1"), {"rfid": segment}, points, known)


_SEEN = st.tuples(
    st.sampled_from([0.0, 0.01, 0.03, 0.4, 1.9, 2.0, 2.1, 30.0]),
    st.sampled_from([1, 1, 2, 3]),
    st.integers(1, 3),
    st.sampled_from(["reader", "other"]),
    st.sampled_from([0.0, 0.0, 0.0, 1.5]),
    st.sampled_from([-50.0, -60.0]),
)


@given(st.lists(_SEEN, max_size=60))
def test_what_repeats_is_taken_early_and_decides_nothing_else(seen):
    lines, now = [], 0.0
    for after, antenna, tag, device, late, level in seen:
        now += after
        lines.append(read(now - late, antenna, tag, device, received=T0 + now, rssi=level))
    taken, asked = ([json.loads(line) for line in replay(belts(floor), lines)] for floor in (None, -140.0))
    for one in (*taken, *asked):
        one["id"] = one["data"]["eventID"] = ""
    assert taken == asked


def test_twenty_thousand_reads_of_one_time_stamp_stay_as_many():
    lines = [read(0, 1, tag=tag) for tag in range(20_000)] + [state(60, "online")]
    for kind in ("checkpoint", "zone"):
        said = [json.loads(one) for one in replay(site([kind, kind]), lines)]
        came = [one["subject"] for one in said if one["data"]["readpoint:observation"]["transition"] != "departed"]
        assert len(set(came)) == len(came) == 20_000


def test_segments_share_nothing_and_one_may_be_chosen():
    where = site(["checkpoint"], ble=True)
    lines = [read(0, 1), read(0, 1, device="ble-device"), read(0, 1, device="unknown")]
    assert len(list(replay(where, lines))) == 1
    assert list(replay(where, lines, "ble")) == []


def test_all_channels_give_states_as_health():
    said = [json.loads(one) for one in replay(site(["checkpoint"]), [read(0, 1), state(1, "offline")], every=True)]
    assert [one["type"] for one in said] == ["readpoint.epcis.v1", "readpoint.health.v1"]
    assert said[1]["data"]["state"] == "offline"


@pytest.mark.parametrize("time", [1e300, -1e300, 1e17, 9.1e15])
def test_a_time_beyond_all_calendars_is_a_bad_line_and_a_stamp_beyond_them_is_none(time):
    """Of the one, time would no longer pass; the other a reader said once, and the recording is to be read."""
    with pytest.raises(RecordingError, match=r"2: time .* is no time"):
        list(replay(site(["zone", "portal", "checkpoint"]), [read(0, 1), read(time, 1)]))
    lines = [read(time, antenna, received=T0 + antenna) for antenna in (1, 2, 3)] + [state(100, "online")]
    said = [json.loads(line) for line in replay(site(["zone", "zone", "checkpoint"]), lines)]
    assert {seconds(one["data"]["eventTime"]) for one in said} <= {1.0, 2.0, 3.0, 31.0, 32.0}
    assert len(said) >= 2


def test_a_bad_line_is_named_by_its_number():
    with pytest.raises(RecordingError, match=r"^3: epc 'zz' is no hex"):
        list(replay(site(["zone"]), [read(0, 1), "", '{"time": 1, "device": "reader", "epc": "zz"}']))


# Known truth

# Event F1 and share of time right, mean of the seeds; somewhat below what the rule reaches.
LEAST = {"normal": (0.92, 0.94), "noisy": (0.82, 0.87), "blocked": (0.86, 0.88), "outage": (0.84, 0.90)}


@pytest.fixture(scope="module")
def worlds(material):
    """The worlds with known truth beside the material: (world, score, edgex) modules."""
    folder = material.parent / "location"
    if not folder.is_dir():
        pytest.skip(f"worlds with known truth are not here (looked in {folder})")
    names = ("world", "score", "edgex")
    sys.path.insert(0, str(folder))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)


def recording(scenario, reads):
    rows = [(one.time, read(one.time, one.antenna, one.tag + 1, rssi=one.rssi)) for one in reads]
    for begin, end in scenario.outages:
        rows += [(begin, state(begin, "offline")), (end, state(end, "online"))]
    rows.append((scenario.duration, state(scenario.duration, "online")))
    return [line for _, line in sorted(rows, key=lambda row: row[0])]


def change(world, line):
    data = json.loads(line)["data"]
    tag = int(data["epcList"][0].rsplit(".", 1)[1]) - 1
    zone = int(data["readPoint"]["id"].rsplit(".p", 1)[1])
    gone = data["readpoint:observation"]["transition"] == "departed"
    return world.Change(seconds(data["eventTime"]), tag, None if gone else zone, seconds(data["recordTime"]))


@pytest.mark.parametrize("name", LEAST)
def test_zones_against_known_truth(worlds, name):
    world, score, edgex = worlds
    scenario = next(one for one in world.PUBLIC if one.name == name)
    ours, theirs = [], []
    for seed in (1, 2):
        reads, truth = world.world(scenario, seed)
        said = replay(site(["zone"] * scenario.zones), recording(scenario, reads))
        changes = sorted((change(world, line) for line in said), key=lambda one: one.time)
        ours.append(score.score(changes, truth, scenario.duration, scenario.outages))
        peer = edgex.events(reads, scenario.duration)
        theirs.append(score.score(peer, truth, scenario.duration, scenario.outages))
    f1, right = fmean(one.f1 for one in ours), fmean(one.time_right for one in ours)
    assert f1 >= LEAST[name][0]
    assert right >= LEAST[name][1]
    assert f1 > fmean(one.f1 for one in theirs)
    assert right > fmean(one.time_right for one in theirs)
    assert fmean(one.latency_p50 for one in ours) <= 5.0
