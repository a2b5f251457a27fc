"""UUIDs of version 7 (RFC 9562 section 5.7): ids that sort by the time they were made. Pure but for randomness."""

from __future__ import annotations

import os
import struct

_VERSION = 7 << 12
_VARIANT = 2 << 62
_RANDOM_BITS = 74
"""rand_a and rand_b; a fresh one fills 73, so that at least half the range is left to count on."""

_LOW_62 = (1 << 62) - 1
_WORDS = struct.Struct(">256Q")
_HALVES = struct.Struct(">QQ")
_LAST = ((1 << 48) - 2) / 1000.0


class Ids:
    """Makes 16-byte UUIDv7s for times in Unix seconds: never twice the same, each greater than the one before.

    Inside a millisecond, and when the clock steps back, the random part counts on by a random step (section 6.2,
    method 2), so ids cannot be guessed from their neighbours.
    """

    __slots__ = ("_millisecond", "_pool", "_random")

    def __init__(self) -> None:
        self._pool: list[int] = []
        self._millisecond = -1
        self._random = 0

    def new(self, time: float) -> bytes:
        """The next id. A time outside 1970 to 10889 (48 bits of milliseconds) counts as the nearest inside."""
        if not self._pool:
            self._pool.extend(_WORDS.unpack(os.urandom(_WORDS.size)))
        drawn = self._pool.pop()
        # In this order NaN becomes 0.
        millisecond = int((time if 0.0 <= time <= _LAST else min(max(0.0, time), _LAST)) * 1000.0)
        if millisecond > self._millisecond:
            self._millisecond = millisecond
            random = drawn << 9
        else:
            random = self._random + 1 + (drawn >> 32)
            if random >> _RANDOM_BITS:
                self._millisecond += 1
                random = drawn << 9
        self._random = random
        return _HALVES.pack(self._millisecond << 16 | _VERSION | random >> 62, _VARIANT | random & _LOW_62)


def text(uuid: bytes) -> str:
    """16 bytes → `0192f7c1-6b2e-7c3a-9d11-3f2a5b6c7d8e` (RFC 9562 section 4)."""
    # In pairs, and without the dashes after the first, the sixth and the seventh.
    pairs = uuid.hex("-", 2)
    return f"{pairs[:4]}{pairs[5:29]}{pairs[30:34]}{pairs[35:]}"
