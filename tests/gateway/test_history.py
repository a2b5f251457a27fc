"""What a running segment remembers: bounded, whatever comes, and as it was."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import Batch
from drivers.observations import Antenna, Measurement, Observation, Read, Signal, Status
from gateway.history import DECISIONS, LONGEST, PORTS, RATE, ROOM, STATES, WHOLE, History
from gateway.inbox import Received
from gateway.model import Identity, Transition

T0 = 1_790_000_000.0


def give(history: History, *seen: Observation, at: float = T0, device: str = "reader") -> None:
    history.take(Received(device, Batch(seen), at))


class Kept(NamedTuple):
    time: float
    device: str
    antenna: Antenna | None
    scheme: str
    value: bytes
    rssi: float | None
    doppler: float | None
    pc: int | None


def kept(history: History) -> list[Kept]:
    found = []
    for chunk in history.chunks():
        names = history.names(chunk)
        for one in history.entries(chunk, range(len(names))):
            name = names[one.name]
            found.append(
                Kept(one.time, one.device, one.antenna, name.scheme, name.value, one.rssi, one.doppler, name.pc)
            )
    return found


def test_reads_come_out_as_they_went_in() -> None:
    history = History()
    assert (history.since, kept(history), history.said()) == (None, [], [])
    first = Read(
        "epc", bytes.fromhex("3074257bf7194e4000001a85"), T0 - 0.25, 1, -61.25, phase=90.0, doppler=-12.5, pc=0x3000
    )
    second = Read("beacon", b"urn:readpoint:ble:x", T0, "hci0")
    third = Read("code", b"]C10109521141123454", T0 + 1)
    give(history, first, at=T0)
    give(history, second, device="beacons", at=T0)
    give(history, third, device="scanner", at=T0 + 1)
    assert kept(history) == [
        Kept(T0 - 0.25, "reader", 1, "epc", first.value, -61.25, -12.5, 0x3000),
        Kept(T0, "beacons", "hci0", "beacon", second.value, None, None, None),
        Kept(T0 + 1, "scanner", None, "code", third.value, None, None, None),
    ]
    assert history.since == T0 - 0.25


def test_states_and_signals_outlive_reads_and_measurements_are_left_out() -> None:
    history = History()
    state, signal = Status(None, "offline", "gone", T0), Signal("beam", value=True, time=T0)
    give(history, Measurement("t", 20.0, "CEL", "good", T0), state, signal)
    for n in range(3 * STATES):
        give(history, Signal("counter", n, T0 + n), at=T0 + n)
    said = history.said()
    assert said[0].observation == state
    assert len(said) == STATES + 1


def test_its_memory_is_bounded_and_the_newest_stay() -> None:
    history = History()
    for second in range(400):
        reads = [
            Read("epc", (second * 2000 + n).to_bytes(12, "big"), T0 + second, 1 + n % 4, -50.0) for n in range(1900)
        ]
        give(history, *reads, at=T0 + second)
    packed = sum(sys.getsizeof(chunk.records) + sys.getsizeof(chunk.names) for chunk in history.chunks())
    assert packed <= 1.1 * ROOM
    entries = kept(history)
    assert entries[-1].value == (399 * 2000 + 1899).to_bytes(12, "big")
    assert entries[0].time > T0
    assert history.since == entries[0].time


def test_one_tag_alone_is_packed_too() -> None:
    history = History()
    for second in range(300):
        give(history, *(Read("epc", b"\x30" * 12, T0 + second, 1, -50.0) for _ in range(1500)), at=T0 + second)
    chunks = history.chunks()
    assert max(len(chunk.records) for chunk in chunks) < 50_000
    assert sum(chunk.size for chunk in chunks) <= 1.1 * ROOM


def test_of_a_flood_every_antenna_has_its_share_and_states_are_all_kept() -> None:
    history = History()
    for tenth in range(30):
        now = T0 + tenth / 10
        reads: list[Observation] = [Read("epc", b"\x30" * 12, now, 1 + n % 4, -50.0) for n in range(5000)]
        give(history, *reads, Status(1, "degraded", "hot", now), at=now)
    late = [entry for entry in kept(history) if entry.time >= T0 + 1]
    assert len(late) <= 2 * RATE * 1.2
    by_antenna = [sum(entry.antenna == antenna for entry in late) for antenna in (1, 2, 3, 4)]
    assert min(by_antenna) > 0.9 * max(by_antenna)
    assert len(history.said()) == 30
    assert history.chunks()[-1].every > 20


@pytest.mark.parametrize(("rate", "least", "most"), [(WHOLE, WHOLE, WHOLE), (WHOLE + 1, RATE // 2, RATE)])
def test_all_is_kept_up_to_a_rate_and_of_more_a_part(rate: int, least: int, most: int) -> None:
    history = History()
    for second in range(3):
        give(history, *(Read("epc", b"\x30" * 12, T0 + second, 1, -50.0) for _ in range(rate)), at=T0 + second)
    assert least <= sum(entry.time >= T0 + 2 for entry in kept(history)) <= most


def test_after_a_flood_all_is_kept_again() -> None:
    history = History()
    give(history, *(Read("epc", b"\x30" * 12, T0, 1, -50.0) for _ in range(50_000)), at=T0)
    for second in range(1, 5):
        give(history, *(Read("epc", b"\x31" * 12, T0 + second, 1, -50.0) for _ in range(100)), at=T0 + second)
    assert sum(entry.value == b"\x31" * 12 for entry in kept(history) if entry.time >= T0 + 2) == 300


def test_decisions_are_remembered_and_passed_on() -> None:
    history, told = History(), []
    tell = history.telling(told.append)
    for n in range(2 * DECISIONS):
        tell(Transition("arrived", Identity(f"urn:x:{n}", "raw", "instance"), "a", T0, T0, T0, T0))
    assert len(told) == 2 * DECISIONS
    assert [one.object.uri for one in history.told] == [f"urn:x:{n}" for n in range(DECISIONS, 2 * DECISIONS)]


def test_how_often_and_where_each_was_read_is_counted() -> None:
    history = History()
    give(history, *(Read("epc", b"a", T0 - 1 + n / 10, 1 + n % 2) for n in range(5)), Read("epc", b"b", T0, 1))
    [chunk] = history.chunks()
    counted = {history.names(chunk)[number].value: said for number, said in history.counted(chunk).items()}
    assert {value: reads for value, (reads, _) in counted.items()} == {b"a": 5, b"b": 1}
    assert (counted[b"a"][1].antenna, counted[b"a"][1].time) == (1, pytest.approx(T0 - 0.6))


def test_endless_antennas_and_endless_codes_cost_no_memory() -> None:
    history = History()
    give(history, *(Read("epc", b"\x30" * 12, T0, f"port-{n}") for n in range(PORTS + 500)))
    give(history, Read("code", b"x" * (LONGEST + 1), T0))
    assert len(kept(history)) <= PORTS


weird = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([math.nan, 1e300, -1e300, 0.0])


@given(st.lists(st.tuples(weird, weird, st.binary(max_size=40), st.integers()), max_size=40))
@settings(deadline=None)
def test_no_read_breaks_it(seen: list[tuple[float, float, bytes, int]]) -> None:
    history = History()
    for number, (time, rssi, value, pc) in enumerate(seen):
        give(history, Read("epc", value, time, 1, rssi, pc=pc), at=T0 + number)
    entries = kept(history)
    assert [entry.value for entry in entries] == [value for _, _, value, _ in seen]
    assert all(0.0 <= entry.time <= T0 + len(seen) for entry in entries)


@pytest.mark.parametrize("apart", [3e6, 1e9])
def test_times_far_apart_are_kept_apart(apart: float) -> None:
    history = History()
    give(history, Read("epc", b"a", T0 - apart, 1), at=T0)
    give(history, Read("epc", b"b", T0, 1), at=T0)
    assert [entry.time for entry in kept(history)] == pytest.approx([T0 - apart, T0])
