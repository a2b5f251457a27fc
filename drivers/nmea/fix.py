"""From what single sentences say to fixes: a receiver tells one position in several sentences of one time. Pure."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, gc=False):
    """What one sentence says. `kind` is its address: GNRMC, GPGGA …; `clock` its UTC in seconds of the day.

    `fixed`: whether it has a fix, else `reason`. Degrees (WGS 84, north and east positive), metres, metres per second.
    None: the sentence does not say.
    """

    kind: str
    clock: float | None = None
    fixed: bool | None = None
    reason: str = ""
    latitude: float | None = None
    longitude: float | None = None
    speed: float | None = None
    course: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    altitude: float | None = None


class Fix(msgspec.Struct, frozen=True, gc=False):
    """Where the receiver was at `time` (Unix seconds), or `reason`: why it does not know."""

    time: float
    latitude: float = 0.0
    longitude: float = 0.0
    speed: float | None = None
    course: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    altitude: float | None = None
    reason: str = ""


PLACING = ("RMC", "GGA", "GNS", "GLL")
"""Sentences, of any talker, that tell where the receiver is, or that it does not know."""

NO_FIX = "the receiver has no fix"


class Cycle:
    """Gathers the sentences of one time. Another time begins the next cycle, or, without times, the same sentence."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}
        self._clock: float | None = None
        self._time = 0.0

    def take(self, report: Report, now: float) -> Fix | None:
        """Take what came at `now`; the fix of the cycle before, if this begins another."""
        done = self.finish() if self._begins(report) else None
        if not any(kind.endswith(PLACING) for kind in self._reports):
            self._time = now
        self._reports[report.kind] = report
        if report.clock is not None:
            self._clock = report.clock
        return done

    def _begins(self, report: Report) -> bool:
        if report.clock is not None and self._clock is not None:
            return report.clock != self._clock
        return report.kind.endswith(PLACING) and report.kind in self._reports

    def finish(self) -> Fix | None:
        """The fix of the cycle as far as it was told; None where nothing was."""
        # What comes with a position goes before what is said of single constellations.
        reports = sorted(self._reports.values(), key=lambda report: report.kind.endswith(PLACING))
        self._reports, self._clock = {}, None
        if not reports or not reports[-1].kind.endswith(PLACING):
            return None
        without = [report.reason for report in reports if report.fixed is False]
        places = [report for report in reports if report.latitude is not None and report.longitude is not None]
        if without or not places:
            return Fix(self._time, reason=next(filter(None, without), NO_FIX))
        said = {name: _last(reports, name) for name in _VALUES}
        return Fix(self._time, places[-1].latitude, places[-1].longitude, **said)  # type: ignore[arg-type]


_VALUES = ("speed", "course", "hdop", "satellites", "altitude")


def _last(reports: list[Report], name: str) -> float | None:
    return next((value for report in reversed(reports) if (value := getattr(report, name)) is not None), None)
