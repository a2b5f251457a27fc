"""Bytes of a scanner → scans. Pure: it takes from a scan what the frame says, and not a byte more.

0x1D, white space and control characters of a scan stay. Memory is bounded: what grows beyond `max_length` without an
end is let go, up to the next end.
"""

from __future__ import annotations

import re

import msgspec

STX, ETX = b"\x02", b"\x03"

_LINE_END = re.compile(rb"[\r\n]")
_KEPT = 64
"""Bytes of garbage that are kept: the last ones."""


class Framing(msgspec.Struct, frozen=True):
    """How a scan is told from the next. `suffix` None: CR, LF or both; empty: silence ends a scan.

    The gun's address has `gun_length` bytes, or ends with `gun_until`; neither: there is none.
    """

    prefix: bytes = b""
    suffix: bytes | None = None
    stx_etx: bool = False
    gun_length: int = 0
    gun_until: bytes = b""
    max_length: int = 8192

    @property
    def by_silence(self) -> bool:
        """Whether only silence ends a scan."""
        return self.suffix == b"" and not self.stx_etx


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a scanner read, without its frame; `gun` is the address of the gun."""

    data: bytes
    gun: bytes | None = None


class Garbage(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are no scan (the last ones of them), how many there were, and why."""

    data: bytes
    size: int
    why: str


Found = Scan | Garbage


class Framer:
    """Cuts one stream. `feed` takes what came; `silence` says that nothing came for the idle time-out."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._buffer = bytearray()
        self._lost = 0
        gun = framing.gun_length or 16 + len(framing.gun_until) if framing.gun_length or framing.gun_until else 0
        self._room = framing.max_length + len(framing.prefix) + len(framing.suffix or b"") + gun + 2

    @property
    def pending(self) -> bool:
        """Whether the beginning of something has come."""
        return bool(self._buffer) or self._lost > 0

    def feed(self, data: bytes) -> list[Found]:
        """What is complete now."""
        found: list[Found] = []
        searched = max(0, len(self._buffer) - 16)
        self._buffer += data
        while (cut := self._end(searched)) is not None:
            raw = bytes(self._buffer[: cut[0]])
            del self._buffer[: cut[1]]
            searched = 0
            found += self._over(raw)
        self._let_go()
        return found

    def silence(self) -> list[Found]:
        """What is over because nothing more comes."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        if self._framing.by_silence:
            return self._over(raw)
        size, lost = self._lost + len(raw), self._lost
        self._lost = 0
        if not lost and not raw.strip(b"\r\n"):
            return []
        return [Garbage(raw[-_KEPT:], size, "without an end; does the scanner send the suffix that is configured?")]

    def _end(self, searched: int) -> tuple[int, int] | None:
        """Where the first frame ends, and where what follows it begins."""
        framing, buffer = self._framing, self._buffer
        if framing.stx_etx:
            at = buffer.find(ETX, searched)
            return None if at < 0 else (at, at + 1)
        if framing.suffix is None:
            line = _LINE_END.search(buffer, searched)
            return line and (line.start(), line.end())
        at = buffer.find(framing.suffix, searched) if framing.suffix else -1
        return None if at < 0 else (at, at + len(framing.suffix))

    def _let_go(self) -> None:
        """Keeps of what has no end only where its end may begin."""
        if len(self._buffer) > self._room:
            kept = 16
            self._lost += len(self._buffer) - kept
            del self._buffer[:-kept]

    def _over(self, raw: bytes) -> list[Found]:
        found: list[Found] = []
        if self._lost:
            # What was let go had no end of its own, but a new beginning may stand behind it.
            mark = STX if self._framing.stx_etx else self._framing.prefix
            at = raw.rfind(mark) if mark else -1
            at = len(raw) if at < 0 else at
            found.append(self._too_long(raw[:at], self._lost + at))
            self._lost, raw = 0, raw[at:]
            if not raw:
                return found
        if self._framing.stx_etx:
            before, mark, raw = raw.rpartition(STX)
            if not mark:
                return [*found, *_noise(raw, "without STX")]
            found += _noise(before, "outside of STX and ETX")
            if self._framing.suffix and not raw.endswith(self._framing.suffix):
                return [*found, _garbage(raw, "without the suffix")]
            raw = raw.removesuffix(self._framing.suffix or b"")
        return [*found, *self._inside(raw)]

    def _inside(self, raw: bytes) -> list[Found]:
        """Prefix, address, data."""
        prefix = self._framing.prefix
        if not raw:
            return []
        before, mark, rest = raw.partition(prefix) if prefix else (b"", b"", raw)
        if prefix and not mark:
            return [_garbage(raw, "without the prefix")]
        found = _noise(before, "before the prefix")
        scan = self._addressed(rest)
        if isinstance(scan, Scan) and len(scan.data) > self._framing.max_length:
            scan = self._too_long(raw, len(raw))
        if isinstance(scan, Scan) and not scan.data:
            return found
        return [*found, scan]

    def _addressed(self, raw: bytes) -> Found:
        length, until = self._framing.gun_length, self._framing.gun_until
        if length:
            return Scan(raw[length:], raw[:length]) if len(raw) >= length else _garbage(raw, "without a gun's address")
        if until:
            gun, mark, data = raw.partition(until)
            return Scan(data, gun) if mark and len(gun) <= 16 else _garbage(raw, "without a gun's address")
        return Scan(raw)

    def _too_long(self, raw: bytes, size: int) -> Garbage:
        return Garbage(raw[-_KEPT:], size, f"longer than max_length {self._framing.max_length}")


def _garbage(raw: bytes, why: str) -> Garbage:
    return Garbage(raw[-_KEPT:], len(raw), why)


def _noise(raw: bytes, why: str) -> list[Found]:
    """Line ends between frames are nobody's fault."""
    return [_garbage(raw, why)] if raw.strip(b"\r\n") else []
