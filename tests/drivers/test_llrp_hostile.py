"""A reader that means harm, or has gone mad: every answer legal, the whole absurd. It costs a sentence, no more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.contract import Disconnected, DriverError, Rejected, Status, Unreachable
from drivers.llrp.codec.framing import PIECE, pieces
from drivers.llrp.codec.report import ReportDecoder
from drivers.llrp.codec.values import Bits, Element, Message
from drivers.llrp.codec.wire import encode
from drivers.llrp.link import connect
from drivers.llrp.settings import Settings, Tls
from drivers.tls import server_context
from tests.drivers.test_llrp_session import HOST, OK, Script, capabilities, e, event, report


def for_ever(script: Script, says: Callable[[], Message], every: float) -> None:
    for _ in range(1000):
        script.say(says(), after=every)
        if script.now >= script.session.deadline:
            script.session.tick(script.received, script.now)


def test_answers_without_end_end_in_time() -> None:
    script = Script()
    many = [e("ROSpec", ROSpecID=number, Priority=0, CurrentState=0) for number in range(2, 20_000)]
    script.overrides["GET_ROSPECS"] = lambda ask: [Message("GET_ROSPECS_RESPONSE", ask.id, children=(OK, *many))]
    script.overrides["DELETE_ROSPEC"] = lambda _: []
    script.greet()
    with pytest.raises(Disconnected, match="never gets ready"):
        for_ever(script, lambda: Message("DELETE_ROSPEC_RESPONSE", script.session._number, children=(OK,)), 9.0)
    assert script.now < 200


def test_held_reports_that_never_end_do_not_keep_it_from_getting_ready_for_good() -> None:
    script = Script(holding=True)
    script.overrides["GET_READER_CONFIG"] = lambda _: []
    script.greet()
    with pytest.raises(Disconnected):
        for_ever(script, lambda: report(HOST - 100), 1.0)
    assert script.now < 200


@pytest.mark.parametrize(("gpis", "antennas"), [(65535, 4), (2, 65535)])
def test_more_ports_than_a_reader_can_have(gpis: int, antennas: int) -> None:
    script = Script()
    device, llrp = capabilities()
    fields = {**device.fields, "MaxNumberOfAntennaSupported": antennas}
    device = Element(device.name, fields, (e("GPIOCapabilities", NumGPIs=gpis, NumGPOs=0),))
    script.overrides["GET_READER_CAPABILITIES"] = lambda ask: [
        Message("GET_READER_CAPABILITIES_RESPONSE", ask.id, children=(OK, device, llrp))
    ]
    if antennas > 1000:
        with pytest.raises(Rejected, match="claims to have 65535"):
            script.greet()
    else:
        script.greet()
        assert script.statuses() == [(None, "online")]


def test_what_it_says_is_one_short_line() -> None:
    script = Script()
    script.greet()
    before = len(script.session.observations)
    script.say(event(e("ReaderExceptionEvent", Message="\x1b[2J\n\r" * 9000), stamp=HOST))
    (told,) = script.session.observations[before:]
    assert isinstance(told, Status)
    assert told.cause.isprintable()
    assert len(told.cause) < 300
    refused = Script()
    details = tuple(e("FieldError", FieldNum=1, ErrorCode=100) for _ in range(4000))
    status = Element("LLRPStatus", {"StatusCode": 100, "ErrorDescription": "\n\x07no" * 4000}, details)
    refused.overrides["SET_READER_CONFIG"] = lambda ask: [
        Message("SET_READER_CONFIG_RESPONSE", ask.id, children=(status,))
    ]
    with pytest.raises(DriverError) as failed:
        refused.greet()
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < 600


def test_antennas_that_are_not_there_are_not_told() -> None:
    script = Script()
    script.greet()
    before = len(script.session.observations)
    script.say(*[event(e("AntennaEvent", EventType=0, AntennaID=number), stamp=HOST) for number in range(3, 5000)])
    assert script.session.observations[before:] == []


@pytest.mark.parametrize("what", ["antenna", "inventory"])
def test_states_that_change_without_end_end_the_connection(what: str) -> None:
    script = Script()
    script.greet()
    flips = [
        event(
            e("AntennaEvent", EventType=number % 2, AntennaID=1)
            if what == "antenna"
            else e("ROSpecEvent", EventType=number % 2, ROSpecID=1, PreemptingROSpecID=0),
            stamp=HOST,
        )
        for number in range(2000)
    ]
    with pytest.raises(Disconnected, match="times in 5 s"):
        script.say(*flips)
    assert len(script.session.observations) < 2000


@pytest.mark.parametrize("bits", [497, 512, 65_400])
def test_an_epc_no_tag_can_have_is_a_bad_entry(bits: int) -> None:
    entry = e("TagReportData", e("EPCData", EPC=Bits(bits, bytes((bits + 7) // 8))))
    good = e("TagReportData", e("EPCData", EPC=Bits(496, bytes(62))))
    empty = e("TagReportData", e("EPCData", EPC=Bits(0, b"")))
    frame = encode(Message("RO_ACCESS_REPORT", 0, children=(good, entry, empty)))
    found = ReportDecoder().decode(frame, offset=0.0, received=1.0)
    assert ([read.value for read in found.reads], found.bad) == ([bytes(62), b""], 1)


def test_a_large_report_by_the_piece_is_the_same_report() -> None:
    tags = [e("TagReportData", e("EPC_96", EPC=number.to_bytes(12))) for number in range(12_000)]
    frame = encode(Message("RO_ACCESS_REPORT", 7, children=tuple(tags)))
    parts = list(pieces(frame))
    assert len(parts) > 1
    assert max(map(len, parts)) <= PIECE + 10
    reads = [read.value for part in parts for read in ReportDecoder().decode(part, offset=0.0, received=1.0).reads]
    assert reads == [number.to_bytes(12) for number in range(12_000)]


@pytest.mark.parametrize("tail", [b"\xff" * 300_000, b"\x00\xf0\x00\x00" * 80_000, b"\x00\xf0\xff\xff" + bytes(70_000)])
def test_a_large_report_of_garbage_is_judged_once(tail: bytes) -> None:
    head = bytes.fromhex("043d") + (10 + len(tail)).to_bytes(4) + bytes(4)
    decoder = ReportDecoder()
    found = [decoder.decode(part, offset=0.0, received=1.0) for part in pieces(head + tail)]
    assert sum(one.bad for one in found) >= 1
    assert not any(one.reads for one in found)


@pytest.mark.parametrize("which", ["ca", "cert"])
async def test_a_certificate_that_is_a_pipe_stops_nobody(tmp_path: Path, which: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    tls = Tls(ca="pipe") if which == "ca" else Tls(fingerprint="00" * 32, cert="pipe")
    with pytest.raises(Unreachable, match="pipe is no file"):
        await connect(Settings(host="127.0.0.1", tls=tls), interface=None, base=str(tmp_path))


def test_a_tls_file_that_cannot_even_be_looked_for_is_said_to_be_unusable(tmp_path: Path) -> None:
    """As in a folder that may not be searched: a listener would end for ever."""
    with pytest.raises(Rejected, match="File name too long"):
        server_context("c" * 300, "k.pem", None, tmp_path)
