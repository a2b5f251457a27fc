"""NMEA 0183 from bytes to fixes: framing, sentences, cycles; what is no position is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import ProtocolViolation
from drivers.nmea.fix import Cycle, Fix, Report
from drivers.nmea.framing import LONGEST, Framer, checksum, frame
from drivers.nmea.sentences import parse

RMC = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
"""The sentence of the NMEA FAQ (Peter Bennett), with its checksum."""

GGA = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"
"""The same."""


def body(text: str) -> bytes:
    return frame(text).strip()


def test_the_checksum_is_that_of_published_sentences() -> None:
    for sentence in (RMC, GGA):
        assert checksum(sentence[1:-3]) == int(sentence[-2:], 16)


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_sentences_come_whole_however_the_bytes_do(cut: int) -> None:
    framer, data, found = Framer(), RMC + b"\r\n" + GGA + b"\r\n", []
    for at in range(0, len(data), cut):
        found += framer.feed(data[at : at + cut])
    assert found == [RMC, GGA]
    assert framer.damaged == 0


def test_who_begins_in_the_middle_counts_no_damage() -> None:
    framer = Framer()
    assert framer.feed(RMC[20:] + b"\r\n" + GGA + b"\r\n") == [GGA]
    assert framer.damaged == 0


@pytest.mark.parametrize(
    "line",
    [
        RMC[:-2] + b"6B",
        RMC[:-3],
        RMC.replace(b"4807", b"4\x0007"),
        RMC[:30] + b"\xff" + RMC[31:],
        b"hello",
        b"$*00",
    ],
)
def test_damage_is_counted_kept_and_costs_no_good_sentence(line: bytes) -> None:
    framer = Framer()
    assert framer.feed(GGA + b"\r\n" + line + b"\r\n" + RMC + b"\r\n") == [GGA, RMC]
    assert framer.damaged == 1
    assert framer.last == line[-48:]


def test_what_a_lost_byte_joins_ends_at_the_next_start() -> None:
    framer = Framer()
    assert framer.feed(GGA + b"\r\n" + RMC[:25] + GGA + b"\r\n") == [GGA, GGA]


def test_a_line_without_end_is_given_up() -> None:
    framer = Framer()
    for _ in range(100):
        framer.feed(b"x" * LONGEST)
    assert framer.damaged >= 49
    assert framer.feed(b"\r\n" + GGA + b"\r\n") == [GGA]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_give_sentences_or_damage(pieces: list[bytes]) -> None:
    framer = Framer()
    for piece in pieces:
        for sentence in framer.feed(piece):
            assert checksum(sentence[1:-3]) == int(sentence[-2:], 16)
    framer.feed(b"\r\n")
    assert framer.feed(GGA + b"\r\n") == [GGA]


@given(
    st.sampled_from(["GPRMC", "GNGGA", "GNGNS", "GPGLL", "GPVTG", "GNGSA"]),
    st.text("0123456789.,-NSEWAVnae", max_size=120),
)
def test_any_fields_give_a_report_or_a_violation(kind: str, fields: str) -> None:
    try:
        report = parse(body(f"{kind},{fields}"))
    except ProtocolViolation:
        return
    if report is not None and report.latitude is not None and report.longitude is not None:
        assert abs(report.latitude) <= 90
        assert abs(report.longitude) <= 180
        assert (report.latitude, report.longitude) != (0.0, 0.0)


def test_rmc_and_gga_say_the_same_place_in_degrees_and_metres_per_second() -> None:
    rmc, gga = parse(RMC), parse(GGA)
    assert rmc is not None
    assert gga is not None
    for report in (rmc, gga):
        assert report.fixed is True
        assert report.clock == 12 * 3600 + 35 * 60 + 19
        assert report.latitude == pytest.approx(48 + 7.038 / 60)
        assert report.longitude == pytest.approx(11 + 31 / 60)
    assert rmc.speed == pytest.approx(22.4 * 1852 / 3600)
    assert rmc.course == 84.4
    assert (gga.hdop, gga.satellites, gga.altitude) == (0.9, 8, 545.4)


def test_south_and_west_are_negative() -> None:
    report = parse(body("GNGLL,3433.0,S,05822.5,W,120000.00,A,D"))
    assert report is not None
    assert report.latitude == pytest.approx(-34.55)
    assert report.longitude == pytest.approx(-58.375)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,,,A", "no fix"),
        ("GNRMC,,V,,,,,,,,,,N", "no fix"),
        ("GPGGA,123519,4807.038,N,01131.000,E,0,00,99.9,,M,,M,,", "no fix"),
        ("GPGGA,123519,4807.038,N,01131.000,E,6,08,0.9,545.4,M,46.9,M,,", "dead reckoning"),
        ("GPGGA,123519,4807.038,N,01131.000,E,8,08,0.9,545.4,M,46.9,M,,", "simulator"),
        ("GNGNS,123519.00,4807.038,N,01131.000,E,NN,00,99.9,,,,", "no fix"),
        ("GPGLL,4807.038,N,01131.000,E,123519,V", "no fix"),
        ("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,,,E", "dead reckoning"),
    ],
)
def test_without_a_fix_there_is_no_position(sentence: str, reason: str) -> None:
    cycle = Cycle()
    report = parse(body(sentence))
    assert report is not None
    cycle.take(report, 10.0)
    fix = cycle.finish()
    assert fix is not None
    assert reason in fix.reason


def test_one_constellation_with_a_fix_is_enough() -> None:
    report = parse(body("GNGNS,123519.00,4807.038,N,01131.000,E,NA,06,1.2,45.0,50.0,,"))
    assert report is not None
    assert report.fixed


def test_zero_zero_is_no_position_even_with_a_fix() -> None:
    cycle = Cycle()
    report = parse(body("GPGGA,123519,0000.000,N,00000.000,E,1,08,0.9,0.0,M,0.0,M,,"))
    assert report is not None
    cycle.take(report, 10.0)
    assert (cycle.finish() or Fix(0.0)).reason


@pytest.mark.parametrize("sentence", ["GPGLL,9107.0,N,01131.000,E,123519,A", "GPGLL,4807.0,N,18131.000,E,123519,A"])
def test_what_is_not_on_earth_is_a_violation(sentence: str) -> None:
    with pytest.raises(ProtocolViolation):
        parse(body(sentence))


@pytest.mark.parametrize(
    "sentence", ["PUBX,00,1", "GPGSV,1,1,00", "GPTXT,01,01,02,hello", "PGRME,15.0,M,45.0,M,25.0,M"]
)
def test_other_sentences_say_nothing_of_it(sentence: str) -> None:
    assert parse(body(sentence)) is None


def fixes(*reports: Report) -> list[Fix]:
    cycle = Cycle()
    found = [fix for at, report in enumerate(reports) if (fix := cycle.take(report, 100.0 + at))]
    last = cycle.finish()
    return [*found, *([last] if last else [])]


def place(kind: str, clock: float | None, latitude: float = 1.0, **more: float) -> Report:
    return Report(kind, clock, fixed=True, latitude=latitude, longitude=2.0, **more)  # type: ignore[arg-type]


def test_sentences_of_one_time_are_one_fix() -> None:
    first, second = fixes(
        place("RMC", 1.0, speed=3.0),
        place("GGA", 1.0, hdop=0.8),
        Report("VTG", course=90.0),
        place("RMC", 2.0, 1.1, speed=4.0),
        place("GGA", 2.0, 1.1, hdop=0.9),
    )
    assert first == Fix(100.0, 1.0, 2.0, speed=3.0, course=90.0, hdop=0.8)
    assert second == Fix(103.0, 1.1, 2.0, speed=4.0, hdop=0.9)


def test_without_times_the_same_sentence_begins_the_next() -> None:
    assert [fix.latitude for fix in fixes(place("GLL", None, 1.0), place("GLL", None, 1.5))] == [1.0, 1.5]


def test_one_sentence_that_denies_the_fix_is_believed() -> None:
    [fix] = fixes(place("RMC", 1.0), Report("GGA", 1.0, fixed=False, reason="no"))
    assert fix.reason == "no"


def test_a_constellation_without_a_fix_denies_nothing() -> None:
    """As MediaTek receivers write it: GPS has a fix, GLONASS none; and a GNS of one constellation without its place."""
    sentences = [
        "GNRMC,123519.00,A,4807.038,N,01131.000,E,022.4,084.4,230394,,,A",
        "GNGNS,123519.00,4807.038,N,01131.000,E,AN,06,1.2,45.0,50.0,,",
        "GPGSA,A,3,02,05,07,13,15,20,,,,,,,1.60,1.20,1.32",
        "GLGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99",
        "GLGNS,123519.00,,,,,,00,,,,,",
    ]
    [fix] = fixes(*(report for text in sentences if (report := parse(body(text)))))
    assert (fix.reason, fix.hdop, fix.satellites) == ("", 1.2, 6)


def test_quality_alone_is_no_fix() -> None:
    assert fixes(Report("GSA", hdop=1.0), Report("VTG", speed=1.0)) == []
