"""A byte stream cut into LLRP frames (LLRP 1.0.1, section 16.1: 16 bits of version and type, length, id)."""

from __future__ import annotations

from drivers.observations import ProtocolViolation

HEADER = 10
"""Bytes of a message header; the length field counts them too."""

MAX_FRAME = 4 * 2**20
"""A longer frame is refused: no reader sends one, and a broken length would else be waited for without end."""


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
