"""A byte stream cut into LLRP frames (LLRP 1.0.1, section 16.1: 16 bits of version and type, length, id)."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.observations import ProtocolViolation

HEADER = 10
"""Bytes of a message header; the length field counts them too."""

MAX_FRAME = 4 * 2**20
"""A longer frame is refused: no reader sends one, and a broken length would else be waited for without end."""


PIECE = 2**16
"""Bytes of a report decoded at once: some milliseconds, whatever stands in them."""


class Framer:
    """Bytes in, complete frames out; holds at most one frame and what came behind it."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by `data`.

        Raises `ProtocolViolation` for a length the stream cannot be followed through. After that the stream has no
        frame boundaries any more: every later call raises too.
        """
        rest = self._rest
        rest += data
        frames: list[bytes] = []
        start = 0
        while len(rest) - start >= 6:
            length = int.from_bytes(rest[start + 2 : start + 6], "big")
            if not HEADER <= length <= MAX_FRAME:
                if frames:  # what was whole is given first: the next call meets the bad length at the front
                    break
                raise ProtocolViolation(
                    f"a frame of {length} bytes was announced; LLRP frames have {HEADER} to {MAX_FRAME} bytes: "
                    "is this an LLRP port?"
                )
            if len(rest) - start < length:
                break
            frames.append(bytes(rest[start : start + length]))
            start += length
        del rest[:start]
        return frames


def pieces(frame: bytes) -> Iterator[bytes]:
    """A frame as frames of the same kind with no more than `PIECE` bytes of its parameters each.

    For messages that are nothing but a row of TLV parameters, as RO_ACCESS_REPORT is. What follows a parameter that is
    none stays together, for whoever decodes it to judge.
    """
    start, end = HEADER, len(frame)
    while end - start > PIECE:
        stop = start
        while stop < end:
            length = int.from_bytes(frame[stop + 2 : stop + 4], "big")
            if frame[stop] & 0x80 or length < 4 or stop + length - start > PIECE:
                break
            stop += length
        if stop == start:
            break
        yield _head(frame, stop - start) + frame[start:stop]
        start = stop
    yield _head(frame, end - start) + frame[start:end]


def _head(frame: bytes, size: int) -> bytes:
    return frame[:2] + (HEADER + size).to_bytes(4, "big") + frame[6:HEADER]
