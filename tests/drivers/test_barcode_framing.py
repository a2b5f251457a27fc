"""Frames of scanners: nothing is taken from a scan that the frame did not say, however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.barcode.condition import Condition
from drivers.barcode.framing import Framer, Framing, Garbage, Scan
from drivers.barcode.session import Session
from drivers.observations import Read, Status
from simulators.barcode_scanner.scanner import framed

FRAMINGS = {
    "any line end": Framing(),
    "CR": Framing(suffix=b"\r"),
    "CRLF": Framing(suffix=b"\r\n"),
    "TAB": Framing(suffix=b"\t"),
    "prefix and CR": Framing(prefix=b"~~", suffix=b"\r"),
    "STX ETX": Framing(stx_etx=True, suffix=b""),
    "STX ETX, CR inside": Framing(stx_etx=True, suffix=b"\r", prefix=b"A:"),
    "guns of two digits": Framing(gun_length=2),
    "guns until a colon": Framing(prefix=b"@", gun_until=b":", suffix=b"\r\n"),
}
GUN = b"07"


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, the rest last."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


def address(framing: Framing) -> bytes | None:
    return GUN if framing.gun_length or framing.gun_until else None


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS.keys())
@given(data=st.data())
def test_scans_come_out_as_they_went_in_however_they_are_cut(framing: Framing, data: st.DataObject) -> None:
    ends = {b"\r", b"\n", b"\t", b"\x02", b"\x03", framing.prefix} - {b""}
    letters = st.binary(min_size=1, max_size=40) | st.just(b"]C10109521141123454\x1d10 A ")
    scans = data.draw(st.lists(letters, max_size=5))
    for scan in scans:
        assume(not any(end in scan for end in ends))
    stream = b"".join(framed(scan, framing, GUN) for scan in scans)
    framer = Framer(framing)
    found = [one for piece in cut(stream, data.draw(st.lists(st.integers(1, 9)))) for one in framer.feed(piece)]
    assert found == [Scan(scan, address(framing)) for scan in scans]


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS.keys())
@given(noise=st.lists(st.binary(max_size=600) | st.sampled_from([b"\r", b"\n", b"\x02", b"\x03", b"~~"]), max_size=20))
def test_whatever_comes_memory_is_bounded_and_good_scans_follow(framing: Framing, noise: list[bytes]) -> None:
    small = Framing(**{name: getattr(framing, name) for name in framing.__struct_fields__} | {"max_length": 64})
    framer = Framer(small)
    for piece in noise:
        for one in framer.feed(piece):
            assert isinstance(one, Scan | Garbage)
            assert len(one.data) <= 64
        assert len(framer._buffer) < 64 + 64 + 600
    framer.silence()
    assert not framer.pending
    assert framer.feed(framed(b"9521141123454", small, GUN)) == [Scan(b"9521141123454", address(small))]


def test_the_group_separator_and_white_space_survive() -> None:
    framer = Framer(Framing(suffix=b"\r"))
    assert framer.feed(b" ]d20109521141123454\x1d10A \x1d\n\r") == [Scan(b" ]d20109521141123454\x1d10A \x1d\n")]


def test_a_line_end_of_two_bytes_is_one_end() -> None:
    framer = Framer(Framing())
    assert framer.feed(b"A\r") == [Scan(b"A")]
    assert framer.feed(b"\nB\n\r\n\rC\r\n") == [Scan(b"B"), Scan(b"C")]


def test_silence_ends_a_scan_that_has_no_other_end() -> None:
    framer = Framer(Framing(suffix=b""))
    assert framer.feed(b"9521") == []
    assert framer.pending
    assert framer.feed(b"1141123454\r\n") == []
    assert framer.silence() == [Scan(b"95211141123454\r\n")]
    assert framer.silence() == []


def test_silence_throws_away_what_lacks_its_end() -> None:
    framer = Framer(Framing(suffix=b"\r\n"))
    framer.feed(b"9521141123454\r")
    (garbage,) = framer.silence()
    assert isinstance(garbage, Garbage)
    assert (garbage.data, garbage.size) == (b"9521141123454\r", 14)
    assert framer.feed(b"A\r\n") == [Scan(b"A")]


def test_what_is_too_long_is_let_go_and_what_stands_behind_it_is_not() -> None:
    framer = Framer(Framing(suffix=b"\r", max_length=10))
    assert framer.feed(b"X" * 1000) == []
    (garbage, scan) = framer.feed(b"\rGOOD\r")
    assert isinstance(garbage, Garbage)
    assert garbage.size == 1000
    assert scan == Scan(b"GOOD")
    marked = Framer(Framing(stx_etx=True, suffix=b"", max_length=10))
    marked.feed(b"X" * 1000)
    assert marked.feed(b"\x02GOOD\x03")[-1] == Scan(b"GOOD")
    assert Framer(Framing(max_length=3)).feed(b"ABC\rABCD\r")[0] == Scan(b"ABC")


@pytest.mark.parametrize(
    ("framing", "sent", "why"),
    [
        (Framing(prefix=b"~"), b"9521\r", "without the prefix"),
        (Framing(stx_etx=True, suffix=b""), b"9521\x03", "without STX"),
        (Framing(stx_etx=True, suffix=b"\r"), b"\x029521\x03", "without the suffix"),
        (Framing(gun_length=3), b"07\r", "without a gun's address"),
        (Framing(gun_until=b":"), b"9521\r", "without a gun's address"),
    ],
)
def test_garbage_says_why(framing: Framing, sent: bytes, why: str) -> None:
    (garbage,) = Framer(framing).feed(sent)
    assert isinstance(garbage, Garbage)
    assert garbage.why == why


def test_noise_before_a_scan_is_not_part_of_it() -> None:
    assert [type(one) for one in Framer(Framing(prefix=b"~")).feed(b"??~A\r")] == [Garbage, Scan]
    assert Framer(Framing(stx_etx=True)).feed(b"\r\n\x02A\x03\r\n\x02B\x03") == [Scan(b"A"), Scan(b"B")]
    assert Framer(Framing(stx_etx=True)).feed(b"\x02cut \x02whole\x03")[-1] == Scan(b"whole")


def session(framing: Framing = Framing(), guns: tuple[str | int, ...] = (), encoding: str = "utf-8") -> Session:  # noqa: B008
    made = Session(framing, idle=1.0, interval=5.0, encoding=encoding, guns=guns, wall=1000.0)
    assert made.observations == [Status(None, "online", "", 1000.0)]
    made.observations.clear()
    return made


def test_a_scan_is_a_read_of_its_time() -> None:
    said = session()
    said.receive(b"952114", 1000.0, 0.0)
    assert said.deadline == 1.0
    said.receive(b"1123454\r\n", 1000.1, 0.1)
    assert said.observations == [Read("code", b"9521141123454", 1000.1, received=1000.1)]


def test_guns_are_antennas() -> None:
    said = session(Framing(gun_length=2), guns=("07", 8))
    said.receive(b"07A\r08B\r", 1000.0, 0.0)
    assert [one.antenna for one in said.observations if isinstance(one, Read)] == ["07", 8]


def test_an_unknown_gun_is_said_and_its_scan_given() -> None:
    said = session(Framing(gun_length=2), guns=("07",))
    said.receive(b"09A\r", 1000.0, 0.0)
    status, read = said.observations
    assert isinstance(status, Status)
    assert "'09'" in status.cause
    assert isinstance(read, Read)
    assert read.antenna == "09"


def test_a_base_of_one_read_point_needs_no_guns() -> None:
    said = session(Framing(gun_length=2))
    said.receive(b"09A\r", 1000.0, 0.0)
    assert said.observations == [Read("code", b"A", 1000.0, received=1000.0)]


def test_other_encodings_become_utf_8() -> None:
    said = session(encoding="cp1252")
    said.receive(b"K\xfchler \x80\r\x81\r", 1000.0, 0.0)
    assert [one.value for one in said.observations if isinstance(one, Read)] == ["Kühler €".encode(), b"\x81"]


def test_an_unfinished_scan_is_garbage_when_the_next_comes_late() -> None:
    said = session()
    said.receive(b"9521", 1000.0, 0.0)
    said.receive(b"A\r", 1002.0, 2.0)
    status, read = said.observations
    assert isinstance(status, Status)
    assert "39 35 32 31" in status.cause
    assert isinstance(read, Read)
    assert read.value == b"A"


def test_a_scan_among_garbage_is_not_told() -> None:
    """A gun whose suffix is missing sends scans that are none: what they say belongs into no state."""
    status = Condition(60.0).disturbed(Garbage(b"]C10109521141123454211A1", 24, "without an end"), 0.0, 100.0)
    assert status is not None
    assert status.cause == "1 x no scan so far: 24 bytes without an end; last bytes 31 31 41 31"


def test_a_disturbed_line_says_so_once_in_a_while_and_is_well_again() -> None:
    condition = Condition(5.0)
    told = [condition.disturbed(Garbage(b"\xff", 1, "odd"), 1000.0 + at, float(at)) for at in range(4)]
    assert [one and one.state for one in told] == ["degraded", None, None, None]
    assert told[0]
    assert "ff" in told[0].cause
    assert condition.deadline == 5.0
    later = condition.tick(1005.0, 5.0)
    assert later
    assert later.cause.startswith("4 x")
    assert condition.deadline == 10.0
    assert condition.tick(1009.0, 9.0) is None
    well = condition.tick(1010.0, 10.0)
    assert well
    assert well.state == "online"
    assert condition.deadline == float("inf")
