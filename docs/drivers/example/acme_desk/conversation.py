"""What the desk reader says, as observations. Pure: bytes and times in, observations out; no socket, no clock.

Lines of ASCII, each ended by LF: `TAG 3034257BF7194E4000000001 -55.5`, `DRAWER 1`, `TEMP 21.5`, `ALIVE`.
It says how its drawer is when it is connected to, and at every change.
"""

from __future__ import annotations

import math
from typing import Final

from drivers.observations import Measurement, Observation, Read, Signal, Status

LONGEST: Final = 256
"""Bytes of a line: what is longer is no line, and costs no memory."""

CALM: Final = 2.0
"""Seconds without a bad line after which the reader is well again: states are stored events, let there be few."""


class Conversation:
    """One connection. Nothing that comes in makes it raise, hang or grow."""

    def __init__(self) -> None:
        self._rest = b""
        self._bad = 0
        self._told = False
        self._last_bad = -math.inf

    def feed(self, data: bytes, now: float) -> list[Observation]:
        """Take what came, at Unix seconds `now`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        seen: list[Observation] = []
        for line in lines:
            self._line(line, now, seen)
        if len(self._rest) > LONGEST:
            self._complain(self._rest, now, seen)
            self._rest = b""
        return seen

    def _line(self, line: bytes, now: float, seen: list[Observation]) -> None:
        try:
            good = parse(line, now)
        except ValueError:
            self._complain(line, now, seen)
            return
        if self._told and now - self._last_bad >= CALM:
            self._told = False
            seen.append(Status(None, "online", "", now))
        if good is not None:
            seen.append(good)

    def _complain(self, line: bytes, now: float, seen: list[Observation]) -> None:
        """Garbage is counted and shown, with its last bytes; good lines go on."""
        self._bad += 1
        self._last_bad = now
        if not self._told:
            self._told = True
            cause = f"{self._bad} lines could not be read, the last began with the bytes {line[:16].hex(' ')}"
            seen.append(Status(None, "degraded", cause, now))


def parse(line: bytes, now: float) -> Observation | None:
    """One line; None where it only says that the reader lives. ValueError for what is no line of its protocol."""
    match line.decode("ascii").split():
        case ["TAG", epc, rssi]:
            return Read("epc", bytes.fromhex(epc), now, rssi=number(rssi), received=now)
        case ["DRAWER", ("0" | "1") as state]:
            return Signal("drawer", state == "1", now)
        case ["TEMP", value]:
            return Measurement("temperature", number(value), "CEL", "good", now)
        case ["ALIVE"]:
            return None
    raise ValueError("no line of a desk reader")


def number(text: str) -> float:
    """ValueError for what is none, NaN and infinities too."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
