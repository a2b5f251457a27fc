"""Lines of one source as observations: times put right, antennas named, sizes bounded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from drivers.http import clock
from drivers.http.body import Numbered
from drivers.http.refusal import Refusal
from drivers.lines import Line, RecordingError, observed, seconds
from drivers.observations import Antenna, Observation, Status

EPC_BYTES = 62
"""A PC word counts 31 words at most (GS1 Gen2, 6.3.2.1.2.2)."""
CODE = 7089
"""Characters: the most a QR code holds (ISO/IEC 18004)."""
TEXT = 512
_WORD = 0xFFFF
_MOST = 1_000_000


class Desk(NamedTuple):
    """Who posts: the source, None where the device has no others; and the antennas that the configuration places."""

    source: str | None
    antennas: Collection[Antenna]

    def antenna(self, said: Antenna | None) -> Antenna | None:
        """The antenna's name in the configuration."""
        if self.source is None:
            return said if said in self.antennas else None
        own = f"{self.source}/{said}"
        return own if said is not None and own in self.antennas else self.source

    def places(self, said: Antenna | None) -> bool:
        """Whether the configuration knows that antenna, or none was said."""
        return said is None or (said if self.source is None else f"{self.source}/{said}") in self.antennas

    def signal(self, name: str) -> str:
        """The signal's name: no source can give another's."""
        return name if self.source is None else f"{self.source}/{name}"


class Observed(NamedTuple):
    """What a post says, and what was added to its times."""

    observations: list[Observation]
    error: float


def observe(
    lines: Sequence[Numbered], desk: Desk, received: float, sent: float | None = None, max_age: float = 72 * 3600.0
) -> Observed:
    """Raises `Refusal` with 400 and the line that is to blame."""
    times = [_checked(numbered, received) for numbered in lines]
    error = clock.offset(times, received, sent, max_age)
    found: list[Observation] = []
    for (number, line), time in zip(lines, times, strict=True):
        placed = desk.places(line.antenna)
        line.antenna = desk.antenna(line.antenna)
        if line.signal is not None:
            line.signal = desk.signal(line.signal)
        try:
            one = observed(line, clock.corrected(time, error, received, max_age), received)
        except RecordingError as wrong:
            raise Refusal(400, str(wrong), line=number) from None
        if placed or not isinstance(one, Status):  # how an antenna is that nobody placed says nothing of the others
            found.append(one)
    return Observed(found, error)


def _checked(numbered: Numbered, received: float) -> float:
    """Its own time, or arrival where it has none."""
    number, line = numbered
    try:
        _bounded(line)
        return received if line.time is None else seconds(line.time)
    except (RecordingError, OverflowError) as wrong:
        raise Refusal(400, str(wrong), line=number) from None


def _bounded(line: Line) -> None:
    limits = (
        ("epc", line.epc, 2 * EPC_BYTES),
        ("tid", line.tid, 2 * EPC_BYTES),
        ("code", line.code, CODE),
        ("id", line.id, TEXT),
        ("signal", line.signal, TEXT),
        ("cause", line.cause, TEXT),
    )
    for name, text, most in limits:
        if text is not None and not (name in ("cause", "tid") or text):
            raise RecordingError(f"{name} is empty")
        if text is not None and len(text) > most:
            raise RecordingError(f"{name} has {len(text)} characters, and none has more than {most}")
    numbers = (("count", line.count, 1, _MOST), ("channel", line.channel, 0, _WORD), ("pc", line.pc, 0, _WORD))
    for name, number, least, most in numbers:
        if number is not None and not least <= number <= most:
            raise RecordingError(f"{name} is not from {least} to {most}")
