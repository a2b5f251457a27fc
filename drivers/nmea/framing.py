"""NMEA 0183 on the line: bytes → sentences whose checksum is right. Pure.

IEC 61162-1, section 7: `$` or `!`, at most 82 characters, `*` and the XOR of all between as two hex digits, CR LF.
Longer ones exist (proprietary sentences); what has no checksum is not trusted.
"""

from __future__ import annotations

import re

LONGEST = 256
"""Bytes a sentence may have."""

_KEPT = 48
"""Bytes of a damaged line that are kept to be shown."""

_SENTENCE = re.compile(rb"[$!]([\x20-\x23\x25-\x29\x2b-\x7e]{1,250})\*([0-9A-Fa-f]{2})[ \t]*")
_END = re.compile(rb"[\r\n]+")
_START = re.compile(rb"[$!]")


def checksum(body: bytes) -> int:
    """XOR of all bytes between `$` and `*`."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def frame(body: str) -> bytes:
    """`GPRMC,…` → the sentence as it goes over the line."""
    data = body.encode("ascii")
    return b"$%b*%02X\r\n" % (data, checksum(data))


class Framer:
    """Cuts a stream into sentences. `damaged` counts what was none, `last` holds the newest of it."""

    def __init__(self) -> None:
        self.damaged = 0
        self.last = b""
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The sentences that are complete now, from `$` to checksum. Memory is bounded whatever comes."""
        *lines, self._rest = _END.split(self._rest + data)
        sentences = [sentence for line in lines if (sentence := self._line(line))]
        if len(self._rest) > LONGEST:
            self.reject(self._rest)
            self._rest = b""
        return sentences

    def reject(self, data: bytes) -> None:
        """Count bytes that are no sentence, or none that can be understood."""
        self.damaged += 1
        self.last = data[-_KEPT:]

    def _line(self, line: bytes) -> bytes:
        begun, self._begun = self._begun, True
        starts = [found.start() for found in _START.finditer(line)]
        sentence = line[starts[-1] :] if starts else b""
        found = _SENTENCE.fullmatch(sentence)
        if found and checksum(found[1]) == int(found[2], 16):
            return sentence.rstrip()
        if line and begun:  # who begins to listen hears the end of a sentence: that is no damage
            self.reject(line)
        return b""
