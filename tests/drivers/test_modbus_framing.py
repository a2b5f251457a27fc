"""Requests and answers on the wire, with pymodbus's server side as the one who answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.bit_message import ReadCoilsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

from drivers.modbus.framing import Answer, Exchange, Refusal
from drivers.modbus.registers import Block, Table

BLOCK = Block("holding", 100, 3)
WORDS = [1, 2, 0x0303]


def answer(*, rtu: bool, unit: int = 5, number: int = 9, words: list[int] | None = None) -> bytes:
    framer = (FramerRTU if rtu else FramerSocket)(DecodePDU(True))
    pdu = ReadHoldingRegistersResponse(registers=words or WORDS, dev_id=unit, transaction_id=number)
    return framer.buildFrame(pdu)


def refusal(code: int, *, rtu: bool) -> bytes:
    framer = (FramerRTU if rtu else FramerSocket)(DecodePDU(True))
    pdu = ExceptionResponse(3, code, device_id=5, transaction=9)
    return framer.buildFrame(pdu)


def exchange(block: Block = BLOCK, *, rtu: bool) -> Exchange:
    return Exchange(5, block, 9, rtu=rtu)


@pytest.mark.parametrize("rtu", [True, False])
@pytest.mark.parametrize(("table", "function"), [("coil", 1), ("discrete", 2), ("holding", 3), ("input", 4)])
def test_a_request_is_a_read_of_its_table(*, rtu: bool, table: Table, function: int) -> None:
    sent = exchange(Block(table, 100, 3), rtu=rtu).request
    body = sent[1:-2] if rtu else sent[7:]
    assert body == bytes([function, 0, 100, 0, 3])


def test_frames_of_the_specification() -> None:
    """Modbus Application Protocol 1.1b3, section 6.3: three holding registers from 107 on; CRC by its appendix B."""
    assert Exchange(1, Block("holding", 0x6B, 3), 0, rtu=True).request.hex() == "0103006b00037417"
    assert Exchange(1, Block("holding", 0x6B, 3), 7, rtu=False).request.hex() == "0007000000060103006b0003"


@pytest.mark.parametrize("rtu", [True, False])
def test_an_answer_is_found_whole_or_in_pieces(*, rtu: bool) -> None:
    one, data = exchange(rtu=rtu), bytearray()
    *early, last = answer(rtu=rtu)
    for byte in early:
        data.append(byte)
        assert one.find(data) == (None, b"")
    data.append(last)
    assert one.find(data) == (Answer(WORDS), b"")
    assert not data


@pytest.mark.parametrize("rtu", [True, False])
def test_a_refusal_is_one(*, rtu: bool) -> None:
    assert exchange(rtu=rtu).find(bytearray(refusal(2, rtu=rtu))) == (Refusal(2), b"")


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\xff\x55", b"\x05", b"\x05\x03", b"\x05\x83\x02\x00\x00", b"\x01\x03\x02\x00"]
)
def test_noise_before_an_answer_costs_nothing_on_a_serial_line(noise: bytes) -> None:
    seen, spilt = exchange(rtu=True).find(bytearray(noise + answer(rtu=True)))
    assert (seen, spilt) == (Answer(WORDS), noise)


def test_who_sends_beginnings_of_answers_alone_is_soon_out_of_patience() -> None:
    """Each of them costs a checksum, and together they would hold up the whole gateway."""
    one = exchange(Block("holding", 0, 125), rtu=True)
    data = bytearray(b"\x05\x03\xfa" * 170)
    assert one.find(data) == (None, b"\x05\x03\xfa" * 170)
    assert not data
    data += answer(rtu=True, words=list(range(125)))
    assert one.find(data) == (Answer(list(range(125))), b"")


def test_the_echo_of_an_adapter_is_no_answer_and_no_noise() -> None:
    one = exchange(rtu=True)
    data = bytearray(one.request)
    assert one.find(data) == (None, b"")
    data += answer(rtu=True)
    assert one.find(data) == (Answer(WORDS), b"")


def test_late_answers_are_passed_over() -> None:
    data = bytearray(answer(rtu=False, number=8, words=[7, 7, 7]) + answer(rtu=False))
    assert exchange(rtu=False).find(data) == (Answer(WORDS), b"")


@pytest.mark.parametrize("rtu", [True, False])
@pytest.mark.parametrize("wrong", ["unit", "length", "crc"])
def test_what_answers_another_question_is_none(*, rtu: bool, wrong: str) -> None:
    data = bytearray(answer(rtu=rtu, unit=6) if wrong == "unit" else answer(rtu=rtu, words=[1, 2]))
    if wrong == "crc" and rtu:
        data = bytearray(answer(rtu=rtu))
        data[-1] ^= 1
    assert exchange(rtu=rtu).find(data)[0] is None


def test_an_answer_behind_one_to_another_question_is_found() -> None:
    stray = answer(rtu=False, unit=6)
    assert exchange(rtu=False).find(bytearray(stray + answer(rtu=False))) == (Answer(WORDS), stray)
    assert exchange(rtu=False).find(bytearray(stray + stray)) == (None, stray + stray)


def test_a_header_that_is_none_is_noise() -> None:
    data = bytearray(b"GET / HTTP/1.0\r\n\r\n")
    assert exchange(rtu=False).find(data) == (None, b"GET / HTTP/1.0\r\n\r\n")
    assert not data


def test_bits_are_cut_to_what_was_asked() -> None:
    pdu = ReadCoilsResponse(bits=[True, False, True, False, False, False, False, False], dev_id=5, transaction_id=9)
    frame = FramerSocket(DecodePDU(True)).buildFrame(pdu)
    assert exchange(Block("coil", 0, 3), rtu=False).find(bytearray(frame)) == (Answer([1, 0, 1]), b"")


@given(
    pieces=st.lists(st.binary(max_size=600), max_size=5), rtu=st.booleans(), table=st.sampled_from(["coil", "holding"])
)
def test_any_bytes_are_survived_and_never_kept_without_end(pieces: list[bytes], *, rtu: bool, table: Table) -> None:
    one, data = exchange(Block(table, 0, 3), rtu=rtu), bytearray()
    for piece in pieces:
        data += piece
        one.find(data)
        assert len(data) <= 600


@given(flips=st.binary(max_size=40), rtu=st.booleans())
def test_a_spoilt_answer_is_never_another_value(flips: bytes, *, rtu: bool) -> None:
    """Over TCP there is no checksum but TCP's: there it is the header that must be right."""
    frame = bytearray(answer(rtu=rtu))
    for place, flip in enumerate(flips[: len(frame) if rtu else 6]):
        frame[place] ^= flip
    if bytes(frame) == answer(rtu=rtu):
        return
    seen, _ = exchange(rtu=rtu).find(frame)
    assert seen is None or (seen == Answer(WORDS) and not rtu)
