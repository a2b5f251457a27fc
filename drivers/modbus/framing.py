"""Frames of the reads: bytes out, answers in, without I/O. The four read requests are all that this module can build.

pymodbus makes and checks the frames and their contents; where a frame begins is found here, so that bytes of noise
before it, or the echo of an RS-485 adapter, cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from drivers.modbus.registers import Block, Table

_READS: dict[Table, Callable[..., ModbusPDU]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}
_LONGEST = 260
"""Bytes of an ADU over TCP (MODBUS Messaging on TCP/IP 1.0b, section 4.1); over a serial line 256."""

_TRIED = 16
"""Frames that begin as the answer and are none: whoever sends so many at once is not let count the CRC of more."""


class Answer(msgspec.Struct, frozen=True):
    """The registers, or the bits as 0 and 1."""

    words: Sequence[int]


class Refusal(msgspec.Struct, frozen=True):
    """A Modbus exception."""

    code: int


class Exchange:
    """One request and the search for its answer in what comes."""

    def __init__(self, unit: int, block: Block, number: int, *, rtu: bool) -> None:
        self._unit = unit
        self._block = block
        self._number = 0 if rtu else number
        self._rtu = rtu
        self._decoder = DecodePDU(False)
        self._framer = (FramerRTU if rtu else FramerSocket)(self._decoder)
        pdu = _READS[block.table](address=block.address, count=block.count, dev_id=unit, transaction_id=self._number)
        self.function = pdu.function_code
        self.request: bytes = self._framer.buildFrame(pdu)
        bits = block.table in {"coil", "discrete"}
        self._payload = (block.count + 7) // 8 if bits else block.count * 2

    def find(self, data: bytearray) -> tuple[Answer | Refusal | None, bytes]:
        """The answer, if it is there, and the bytes that belong to none. What was used is taken out of `data`."""
        return self._find_rtu(data) if self._rtu else self._find_mbap(data)

    def _find_rtu(self, data: bytearray) -> tuple[Answer | Refusal | None, bytes]:
        """Unit, function, count of bytes, payload, CRC: looked for wherever it may begin."""
        if data.startswith(self.request):
            del data[: len(self.request)]  # the adapter's echo
        tried = 0
        for start in range(len(data) - 4):
            if data[start] != self._unit:
                continue
            size = 5 if data[start + 1] == self.function | 0x80 else 5 + self._payload
            if size > 5 and (data[start + 1] != self.function or data[start + 2] != self._payload):
                continue
            if start + size > len(data):
                continue
            found = self._decoded(bytes(data[start : start + size]))
            if found is not None:
                noise = bytes(data[:start] + data[start + size :])
                data.clear()
                return found, noise
            tried += 1
            if tried == _TRIED:
                return None, self._spill(data, 0)
        return None, self._spill(data, 2 * _LONGEST)

    def _find_mbap(self, data: bytearray) -> tuple[Answer | Refusal | None, bytes]:
        """Transaction, protocol 0, length, unit: late answers to requests given up are passed over."""
        noise = b""
        while len(data) >= 8:
            length = int.from_bytes(data[4:6], "big")
            if data[2:4] != b"\0\0" or not 3 <= length <= _LONGEST - 6:
                noise += bytes(data)
                data.clear()
                break
            if len(data) < 6 + length:
                break
            frame = bytes(data[: 6 + length])
            del data[: 6 + length]
            if int.from_bytes(frame[:2], "big") != self._number:
                continue
            found = self._decoded(frame)
            if found is not None:
                return found, noise
            noise += frame
        return None, noise

    def _spill(self, data: bytearray, most: int) -> bytes:
        """More bytes than any answer has are noise."""
        if len(data) <= most:
            return b""
        noise = bytes(data)
        data.clear()
        return noise

    def _decoded(self, frame: bytes) -> Answer | Refusal | None:
        used, unit, _, payload = self._framer.decode(frame)
        if not used or unit != self._unit or len(payload) < 2:
            return None
        if payload[0] == self.function | 0x80:
            pdu = self._decoder.decode(payload)
            return Refusal(pdu.exception_code) if isinstance(pdu, ExceptionResponse) else None
        if payload[0] != self.function or payload[1] != self._payload or len(payload) != 2 + self._payload:
            return None
        pdu = self._decoder.decode(payload)
        if pdu is None:
            return None
        words = [int(bit) for bit in pdu.bits] if pdu.bits else list(pdu.registers)
        return Answer(words[: self._block.count]) if len(words) >= self._block.count else None
