"""Repeated reads are taken in one go; that decides nothing else than one by one, as an RSSI floor makes necessary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read, Status
from drivers.reads import FIELDS, Reads
from gateway.identity.resolve import Resolver
from gateway.location.engine import Engine
from gateway.model import Port, ReadPoint, Rules

_READS = st.builds(
    Read,
    scheme=st.sampled_from(["epc", "code"]),
    value=st.sampled_from([b"0" * 12, b"1" * 12, b"(01)09521141123454(21)1"]),
    time=st.sampled_from([-1.0, float("nan"), *(990.0 + each / 2 for each in range(80))]),
    antenna=st.sampled_from([1, 2, 3, None]),
    rssi=st.sampled_from([None, -60.0, -70.0]),
    pc=st.sampled_from([None, 0x3000, 0x3100]),
)
_STATES = st.builds(
    Status,
    antenna=st.sampled_from([1, 2, None]),
    state=st.sampled_from(["online", "offline"]),
    cause=st.just(""),
    time=st.sampled_from([1000.0, 1010.0]),
)
_BATCHES = st.lists(st.lists(_READS | _STATES, max_size=12), max_size=12)


def story(ports, batches, floor, feed=Engine.feed):
    points = {
        name: ReadPoint(name, f"urn:test:{name}", "checkpoint", rssi_floor_dbm=floor, min_reads=least)
        for name, least in (("one", 1), ("two", 2))
    }
    engine = Engine(Rules(points, tuple(ports)), Resolver().resolve)
    told = [feed(engine, f"reader-{number % 2}", batch, 1000.0 + 2.5 * number) for number, batch in enumerate(batches)]
    return told, engine.counts, sorted(engine.sightings())


def alone(engine, device, batch, now):
    """One by one."""
    return [outcome for seen in batch for outcome in engine.feed(device, [seen], now)]


def as_in_replay(engine, device, batch, now):
    """One by one, and what repeats only is not fed."""
    said = []
    for seen in batch:
        due = engine.deadline
        early = isinstance(seen, Read) and (due is None or now < due)
        if not (early and engine.repeats(device, seen, now)):
            said += engine.feed(device, [seen], now)
    return said


def in_columns(batch):
    """As a driver gives what is nothing but reads; their times are numbers there."""
    if not batch or any(isinstance(seen, Status) or seen.time != seen.time for seen in batch):
        return batch
    return Reads([[getattr(read, field) for read in batch] for field in FIELDS], [None] * len(FIELDS), len(batch))


def both(port, point):
    return [Port("reader-0", port, point), Port("reader-1", port, point)]


def alike(ports, batches):
    plain = story(ports, batches, -140.0)
    assert story(ports, batches, None) == plain
    assert story(ports, [in_columns(batch) for batch in batches], None) == plain
    assert story(ports, batches, None, as_in_replay) == story(ports, batches, -140.0, alone)


@given(_BATCHES)
def test_all_of_a_device_at_one_checkpoint(batches):
    alike(both(None, "one"), batches)


@given(_BATCHES)
def test_antennas_at_two_checkpoints(batches):
    alike([*both(1, "one"), *both(2, "two")], batches)


@given(_BATCHES)
def test_antennas_at_a_checkpoint_and_all_others_at_another(batches):
    alike([*both(1, "one"), *both(None, "two")], batches)


def test_who_repeats_at_first_observes_from_then_on():
    """Where another reader told of the object: no silence is waited out for want of eyes."""
    points = {"one": ReadPoint("one", "urn:test:one", "checkpoint", dedup=5.0, freeze_max=600.0)}
    engine = Engine(Rules(points, tuple(both(None, "one"))), Resolver().resolve)
    as_in_replay(engine, "reader-0", [Read("epc", b"0" * 12, 1000.0)], 1000.0)
    engine.advance(1000.5)
    as_in_replay(engine, "reader-1", [Read("epc", b"0" * 12, 1001.0)], 1001.0)
    assert engine.present_count == 1
    while (due := engine.deadline) is not None and due <= 1006.0:
        engine.advance(due)
    assert engine.present_count == 0
