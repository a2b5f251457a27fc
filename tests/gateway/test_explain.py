"""Why an object is where it is: what was heard, weighed and decided, told so that a technician can act on it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.observations import Read, Signal, Status
from gateway.explain.clock import Moment, clock, lasting, span
from gateway.explain.document import explain
from gateway.explain.picture import draw
from gateway.explain.subject import Known, Subject
from gateway.explain.trace import KEPT, Thinned, Trace, Tracer
from gateway.identity.resolve import Resolver
from gateway.model import Gate, Port, ReadPoint, Rules

T0 = 1_790_000_000.0
UTC = ZoneInfo("UTC")
EPC = "3074257bf7194e4000001a85"
"""GS1's own example (TDS 2.3 section 9.3 has its URI)."""
URN = "urn:epc:id:sgtin:0614141.812345.6789"
LINK = "https://id.gs1.org/01/80614141123458/21/6789"
OTHER = "3074257bf7194e4000001a86"


def point(name: str, kind: str = "zone", **more: object) -> ReadPoint:
    return ReadPoint(name, f"urn:epc:id:sgln:9521141.12345.{name}", kind, **more)  # type: ignore[arg-type]


def rules(*points: ReadPoint, sides: Iterable[str | None] = (), ports: int = 0) -> Rules:
    """Antenna n at the n-th read point; with sides, all at the first."""
    if sides:
        made = tuple(Port("reader", n, points[0].name, side) for n, side in enumerate(sides, 1))  # type: ignore[arg-type]
    else:
        made = tuple(Port("reader", n, one.name) for n, one in enumerate(points, 1))
    return Rules({one.name: one for one in points}, made)


def read(
    time: float, antenna: int = 1, rssi: float | None = -50.0, epc: str = EPC, doppler: float | None = None
) -> Read:
    return Read("epc", bytes.fromhex(epc), T0 + time, antenna, rssi, doppler=doppler)


def traced(rules: Rules, seen: Iterable[Read | Status | Signal], subject: str = EPC, **more: object) -> Trace:
    tracer = Tracer(rules, Resolver().resolve, Subject(subject), **more)  # type: ignore[arg-type]
    for one in seen:
        tracer.take("plc" if isinstance(one, Signal) else "reader", one, one.time)
    trace = tracer.trace()
    assert trace is not None
    return trace


def walk() -> list[Read | Status]:
    """At antenna 1 for ten seconds, then at antenna 2 for ten; a minute later the reader still is online."""
    first = [read(n / 10, 1 + n % 2, -45.0 - 15.0 * (n % 2)) for n in range(100)]
    second = [read(10 + n / 10, 1 + n % 2, -60.0 + 15.0 * (n % 2)) for n in range(100)]
    return [*first, *second, Status(None, "online", "", T0 + 80)]


AISLES = (point("aisle-a"), point("aisle-b"))


@pytest.mark.parametrize(
    "text",
    [
        EPC,
        EPC.upper(),
        f"0x{EPC}",
        "3074 257b f719 4e40 0000 1a85",
        URN,
        LINK,
        f"  {URN} ",
        "urn:epc:tag:sgtin-96:3.0614141.812345.6789",
    ],
)
def test_an_object_is_found_however_it_is_named(text: str) -> None:
    assert traced(rules(*AISLES), [read(0)], text).identity.uri == URN


def test_a_beacon_and_a_code_are_found_by_what_they_say() -> None:
    beacon = "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2"
    seen = [Read("beacon", beacon.encode(), T0, 1, -70.0), Read("code", b"ABC-123", T0, 1)]
    assert traced(rules(*AISLES), seen, beacon).identity.uri == beacon
    assert traced(rules(*AISLES), seen, "ABC-123").values == ["ABC-123"]


def test_one_digit_wrong_names_those_that_were_read() -> None:
    tracer = Tracer(rules(*AISLES), Resolver().resolve, Subject(EPC[:-1] + "4"))
    for one in (read(0), read(1, epc=OTHER), read(2, epc="e28011602000000000000001")):
        tracer.take("reader", one, one.time)
    assert tracer.trace() is None
    near = Subject(EPC[:-1] + "4").near(tracer.others.values())
    assert {one.value for one in near} == {EPC, OTHER}
    assert Subject("zzz").near(tracer.others.values()) == []


def test_a_wrong_check_digit_is_told() -> None:
    assert "check digit" in Subject("https://id.gs1.org/01/80614141123459/21/6789").fault


def test_names_of_the_same_uri_are_told_apart() -> None:
    others = [Known(URN, EPC, 1, T0, "reader", 1), Known(URN, EPC + "00", 1, T0, "reader", 1)]
    assert len(Subject(EPC).near(others)) == 2


def test_an_arrival_a_move_and_a_departure_have_their_reasons() -> None:
    trace = traced(rules(*AISLES), walk())
    said = explain(trace, "rfid", UTC)
    assert [one.what for one in said.events] == ["arrived aisle-a", "moved aisle-a → aisle-b", "departed aisle-b"]
    arrived, moved, departed = said.events
    assert "aisle-a is the strongest" in arrived.why
    assert "next aisle-b" in arrived.why
    assert "a move needs 4 dB for 1 s" in moved.why
    assert "then not for 30 s while its antennas observed (presence_timeout auto)" in departed.why
    assert said.zone is None
    assert (said.reads, said.object, said.identifiers) == (200, URN, [EPC])
    assert [zone for _, _, zone in trace.spans()] == ["aisle-a", "aisle-b"]


def test_the_table_has_what_was_heard_weighed_and_decided_and_leaves_silence_out() -> None:
    rows = explain(traced(rules(*AISLES), walk()), "rfid", UTC, 1.0).rows
    assert len(rows) == 20
    fifth, fifteenth = rows[5], rows[15]
    assert [(one.antenna, one.level, one.reads) for one in fifth.heard] == [
        ("reader:1", -45.0, 5),
        ("reader:2", -60.0, 5),
    ]
    assert fifth.zone == "aisle-a"
    assert fifth.zones["aisle-a"] - fifth.zones["aisle-b"] > 10
    assert fifteenth.zone == "aisle-b"
    assert next(row.events for row in rows if row.events) == ["arrived aisle-a"]


def test_what_stays_says_how_long_it_may_be_silent_and_who_nearly_took_it() -> None:
    near = [read(10 + n / 10, 2, -47.0) for n in range(4)]
    seen = [*(read(n / 10) for n in range(100)), *near, *(read(10.5 + n / 10) for n in range(50))]
    trace = traced(rules(point("aisle-a", presence_timeout=45.0), point("aisle-b", hysteresis_db=6.0)), seen)
    notes = list(explain(trace, "rfid", UTC).notes)
    assert "in aisle-a since" in notes[0]
    assert "departs after presence_timeout 45 s" in notes[0]
    assert [one.transition.kind for one in trace.decided] == ["arrived"]
    auto = explain(traced(rules(*AISLES), [read(n / 10) for n in range(50)]), "rfid", UTC)
    assert "departs after 30 s (presence_timeout auto)" in auto.notes[0]


def test_a_tag_that_nobody_confirmed_says_what_is_missing() -> None:
    trace = traced(rules(point("aisle-a", min_reads=5), point("aisle-b")), [read(0), read(1)])
    assert "2 reads and no zone" in explain(trace, "rfid", UTC).notes[0]
    assert "5 reads (min_reads)" in explain(trace, "rfid", UTC).notes[0]


def test_reads_that_decide_nothing_say_why() -> None:
    gated = point("belt", "checkpoint", gate=Gate("plc", "beam"))
    site = Rules(
        {"aisle-a": point("aisle-a", rssi_floor_dbm=-70.0), "belt": gated, "shop": point("shop", ignore=("sgtin",))},
        (Port("reader", 1, "aisle-a"), Port("reader", 2, "belt"), Port("reader", 3, "shop")),
    )
    beam = [Signal("beam", value=True, time=T0 + 5), read(6, 2), Signal("beam", value=False, time=T0 + 7)]
    notes = explain(traced(site, [read(0, 1, -75.0), read(1, 2), read(2, 3), read(3, 9), *beam]), "rfid", UTC).notes
    said = "\n".join(notes)
    assert "1 read of reader:1 decided nothing: below rssi_floor_dbm -70" in said
    assert "1 read of reader:2 decided nothing: the gate of belt was closed" in said
    assert "1 read of reader:3 decided nothing: shop or its segment does not accept sgtin" in said
    assert "1 read of reader:9 decided nothing: its antenna is at no read point" in said


def test_a_checkpoint_says_that_it_dated_an_object_by_its_peak() -> None:
    passing = [read(n / 10, rssi=-50.0 - abs(n - 15)) for n in range(31)]
    trace = traced(rules(point("belt", "checkpoint", peak_wait=5.0)), [*passing, Status(None, "online", "", T0 + 60)])
    [event] = explain(trace, "rfid", UTC).events
    assert event.at == pytest.approx(T0 + 1.5, abs=0.1)
    assert "past its peak" in event.why
    assert clock(event.at, UTC) in event.why
    assert "first read" not in event.why


def test_a_checkpoint_says_that_a_neighbour_heard_an_object_better() -> None:
    """Two belts side by side: what passes on the first is heard on the second, too, 20 dB weaker."""
    one, two = (
        point("belt-1", "checkpoint", neighbours=("belt-2",)),
        point("belt-2", "checkpoint", neighbours=("belt-1",)),
    )
    shape = [-70.0, -60.0, -50.0, -45.0, -50.0, -60.0, -70.0]
    passing = [
        read(n / 5 + 0.1 * (antenna - 1), antenna, rssi - 20.0 * (antenna - 1))
        for n, rssi in enumerate(shape)
        for antenna in (1, 2)
    ]
    trace = traced(rules(one, two), [*passing, Status(None, "online", "", T0 + 60)])
    assert [told.read_point for told in trace.transitions] == ["belt-1"]
    notes = explain(trace, "rfid", UTC).notes
    [lost] = [note for note in notes if note.startswith("belt-2")]
    begun, over = clock(T0 + 0.1, UTC), clock(T0 + 1.3, UTC)
    assert lost.startswith(f"belt-2: 7 reads from {begun} to {over} decided nothing: belt-1 heard it better")
    assert lost.endswith("(-45.0 dBm, here -65.0 dBm at most), so it did not pass here (neighbours)")
    assert any(note.startswith("belt-1: 7 reads are 1 event") for note in notes)


def test_a_checkpoint_says_why_there_is_no_second_event() -> None:
    trace = traced(rules(point("belt", "checkpoint", dedup=5.0)), [read(0), read(3), read(6), read(9)])
    said = explain(trace, "rfid", UTC)
    assert [one.what for one in said.events] == ["observed belt"]
    assert (
        "4 reads are 1 event: each read begins dedup 5 s anew, and the longest silence within was 3 s" in said.notes[0]
    )


def test_an_outage_says_that_nothing_departs() -> None:
    seen = [
        *(read(n / 10) for n in range(50)),
        Status(None, "offline", "gone", T0 + 5),
        Status(None, "online", "", T0 + 95),
    ]
    said = explain(traced(rules(*AISLES), [*seen, *(read(95 + n / 10) for n in range(5))]), "rfid", UTC)
    assert [one.what for one in said.events] == ["arrived aisle-a"]
    assert any(note.startswith("reader was offline from 14:13:25.0 to 14:14:55.0: nothing") for note in said.notes)


def cross(begin: float, first: int, second: int) -> list[Read]:
    """Through a door: each side's level rises and falls, the second a second after the first."""
    seen = []
    for n in range(60):
        time = n / 20
        seen.append(read(begin + time, first, -40.0 - 8.0 * abs(time - 1.0)))
        seen.append(read(begin + time + 0.01, second, -40.0 - 8.0 * abs(time - 2.0)))
    return seen


def test_a_portal_says_which_side_came_first() -> None:
    site = rules(point("dock", "portal"), sides=("outside", "inside"))
    said = explain(traced(site, [*cross(0, 1, 2), Status(None, "online", "", T0 + 60)]), "rfid", UTC)
    assert [one.what for one in said.events] == ["passed in dock"]
    assert re.search(r"outside in the middle .*; inside in the middle .*: it passed in \(score \+", said.events[0].why)
    said = explain(traced(site, [*cross(0, 2, 1), Status(None, "online", "", T0 + 60)]), "rfid", UTC)
    assert re.search(r"inside in the middle .*; outside in the middle .*: it passed out \(score -", said.events[0].why)


def test_a_portal_says_why_there_was_no_passage() -> None:
    site = rules(point("dock", "portal"), sides=("outside", "inside"))
    later = Status(None, "online", "", T0 + 90)

    def note(*seen: Read) -> str:
        said = explain(traced(site, [*seen, later]), "rfid", UTC)
        assert said.events == []
        return said.notes[0]

    near = [read(n / 10, 1, -70.0 + n if n < 15 else -40.0 - n) for n in range(30)]
    assert "no passage, the inside never heard it" in note(*near)
    stands = [read(n / 20, 1 + n % 2, -55.0) for n in range(200)]
    assert "no antenna heard it come and go in 10 s: it stood in the field" in note(*stands)
    turns = [read(n / 20, 1 + n % 2, -70.0 + 0.25 * min(n, 160 - n) - 5.0 * (n % 2)) for n in range(161)]
    assert "it turned back or stood in the door (score" in note(*turns)
    [alone] = explain(
        traced(rules(point("dock", "portal", min_reads=3), sides=("outside", "inside")), [read(0), later]), "rfid", UTC
    ).notes
    assert "read only 1 times (min_reads 3)" in alone


def test_a_portal_says_which_neighbour_heard_it_better() -> None:
    site = Rules(
        {"dock": point("dock", "portal", neighbours=("gate",)), "gate": point("gate", "portal", neighbours=("dock",))},
        tuple(
            Port("reader", n, name, side)  # type: ignore[arg-type]
            for n, (name, side) in enumerate(
                (("dock", "outside"), ("dock", "inside"), ("gate", "outside"), ("gate", "inside")), 1
            )
        ),
    )
    weak = [msgspec.structs.replace(one, rssi=one.rssi - 15.0) for one in cross(0, 1, 2)]  # type: ignore[operator]
    seen = sorted([*weak, *cross(0, 3, 4)], key=lambda one: one.time)
    said = explain(traced(site, [*seen, Status(None, "online", "", T0 + 90)]), "rfid", UTC)
    assert [one.what for one in said.events] == ["passed in gate"]
    assert any("no passage, gate heard it better (neighbours)" in note for note in said.notes)


def test_a_window_leaves_out_what_lies_outside_but_knows_where_it_was() -> None:
    trace = traced(rules(*AISLES), walk(), window=(T0 + 5, T0 + 8))
    assert trace.initial == "aisle-a"
    assert {round(one.time - T0) for one in trace.reads} == {5, 6, 7, 8}
    assert [zone for _, _, zone in trace.spans()] == ["aisle-a"]
    assert trace.decided == []


def test_a_picture_is_an_svg_that_shows_the_same_and_is_the_same_each_time() -> None:
    trace = traced(rules(*AISLES), walk())
    first, second = draw(trace, UTC), draw(traced(rules(*AISLES), walk()), UTC)
    assert first == second
    root = ET.fromstring(first)
    texts = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]
    for said in ("reader:1 aisle-a", "aisle-b", "decided zone", "what a move needs", "14:14:00"):
        assert said in texts, said
    assert any("moved aisle-a → aisle-b" in one for one in texts)


def test_a_picture_of_hostile_names_is_still_one() -> None:
    bad = "</text><script>alert(1)</script>\x1b[2J\x00"
    seen = [Read("code", bad.encode(), T0, 1), Read("code", bad.encode(), T0 + 1, 1, math.nan)]
    drawn = draw(traced(rules(point("belt", "checkpoint")), seen, bad), UTC)
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    ET.fromstring(drawn)


def test_times_that_no_calendar_has_are_survived() -> None:
    trace = traced(rules(*AISLES), [read(-T0), read(1e15), read(2e15)])
    assert "9999-12-31" in explain(trace, "rfid", UTC).end
    ET.fromstring(draw(trace, UTC))


def test_pictures_of_all_kinds_are_drawn() -> None:
    gate = Gate("plc", "beam", 2.0)
    portal = rules(point("dock", "portal", gate=gate), sides=("outside", "inside"))
    opens, closes = Signal("beam", value=True, time=T0), Signal("beam", value=False, time=T0 + 4)
    door = draw(traced(portal, [opens, *cross(0, 1, 2), closes, Status(None, "offline", "", T0 + 30)]), UTC)
    assert "gate of dock" in door
    belt = draw(traced(rules(point("belt", "checkpoint")), [read(0), read(3), read(60)]), UTC)
    assert "until unseen for 5 s" in belt
    floor = draw(traced(rules(point("aisle-a", rssi_floor_dbm=-52.0), point("aisle-b")), walk()), UTC)
    assert "rssi_floor_dbm -52" in floor
    alone = draw(traced(rules(*AISLES), [read(0, rssi=None)]), UTC)
    ET.fromstring(alone)


def test_a_tag_that_does_the_same_thousands_of_times_is_told_in_a_page() -> None:
    site = rules(point("dock", "portal"), sides=("outside", "inside"))
    passes = [read(10 * n + k / 10, 1, -50.0) for n in range(1500) for k in range(3)]
    said = explain(traced(site, [*passes, Status(None, "online", "", T0 + 20_000)]), "rfid", UTC)
    assert len(said.notes) < 20
    assert "and 1000 or more like these" in said.notes[-1]
    belt = traced(rules(point("belt", "checkpoint", dedup=1.0)), [read(2 * n) for n in range(2000)])
    assert len(belt.decided) == 2000
    drawn = draw(belt, UTC)
    assert "and 1960 more" in drawn
    assert drawn.count("<text") < 120


def test_of_very_many_every_second_is_kept_over_and_over() -> None:
    many: Thinned[int] = Thinned()
    for n in range(3 * KEPT):
        many.add(n)
    assert KEPT / 2 <= len(many.items) <= KEPT
    assert all(later - earlier == many.every for earlier, later in zip(many.items, many.items[1:], strict=False))


def test_times_are_those_of_the_sites_clock() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    assert clock(T0, madrid) == "16:13:20.0"
    assert Moment("16:13:20").near(T0 + 5, madrid) == T0
    assert Moment("00:10").near(T0, madrid) > T0
    assert Moment("2026-09-21T14:13:20Z").near(0, madrid) == T0
    assert span((Moment("16:13:20"), Moment("00:10")), T0, madrid) == (T0, T0 + 7 * 3600 + 56 * 60 + 40)
    assert span((Moment("16:13:20"), Moment("16:13:00")), T0, madrid) == (T0, T0 + 86_400 - 20)
    with pytest.raises(ValueError, match="no offset"):
        Moment("2026-09-21T14:13:20")
    with pytest.raises(ValueError, match="Invalid isoformat"):
        Moment("soon")
    assert [lasting(one) for one in (0.84, 5, 31.2, 250, 11100)] == ["0.8 s", "5 s", "31 s", "4 min 10 s", "3 h 5 min"]


TIMES = st.floats(0, 300) | st.sampled_from([-1e9, 1e13, -T0])
LEVELS = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(-90, -20)
SEEN = st.one_of(
    st.builds(read, TIMES, st.sampled_from([1, 2, 3, 4, 5, 9]), LEVELS, st.sampled_from([EPC, OTHER]), LEVELS),
    st.builds(
        lambda time, state, antenna: Status(antenna, state, "\x1b<>", T0 + time),
        TIMES,
        st.sampled_from(["online", "offline", "stopped", "degraded"]),
        st.sampled_from([None, 1, 7, "x"]),
    ),
    st.builds(lambda time, on: Signal("beam", on, T0 + time), TIMES, st.booleans()),
)


@given(st.lists(SEEN, max_size=60), st.tuples(TIMES, TIMES))
@settings(deadline=None, max_examples=60)
def test_nothing_that_devices_say_breaks_it(seen: list[Read | Status | Signal], window: tuple[float, float]) -> None:
    points = [point("a"), point("b", presence_timeout=5.0), point("dock", "portal", gate=Gate("plc", "beam", 1.0))]
    points.append(point("belt", "checkpoint", min_reads=2))
    names = ("a", "b", "dock", "dock", "belt")
    sides = (None, None, "outside", "inside", None)
    ports = tuple(Port("reader", n, name, side) for n, (name, side) in enumerate(zip(names, sides, strict=True), 1))  # type: ignore[arg-type]
    limits = T0 + min(window), T0 + max(window)
    tracer = Tracer(Rules({one.name: one for one in points}, ports), Resolver().resolve, Subject(EPC), window=limits)
    for one in seen:
        tracer.take("plc" if isinstance(one, Signal) else "reader", one, one.time)
    trace = tracer.trace()
    if trace is not None:
        explain(trace, "rfid", UTC)
        ET.fromstring(draw(trace, UTC))
        assert all(since <= until for since, until, _ in trace.spans())
