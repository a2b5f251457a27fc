"""Why each thing was decided, and why others were not: in words a technician can act on. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from itertools import islice

from gateway.explain import belt, doors
from gateway.explain.clock import clock, day, label, lasting
from gateway.explain.trace import Decided, Seen, Trace, Weighed
from gateway.location.patience import BEACONS
from gateway.model import ReadPoint, Transition

MOST, COUNTED = 12, 1000
"""Notes of one kind that are told, and that are counted beyond."""


class Reasons:
    """Words about one trace, on the site's clock."""

    def __init__(self, trace: Trace, zone: tzinfo) -> None:
        self._trace = trace
        self._zone = zone
        self._runs = doors.runs(trace)

    # Events

    def event(self, decided: Decided) -> str:
        """What was decided, and why."""
        told = decided.transition
        return f"{self.headline(told)}: {self.why(decided)}"

    def headline(self, told: Transition) -> str:
        """`moved aisle-a → aisle-b`."""
        if told.kind == "moved":
            return f"moved {told.origin} → {told.read_point}"
        return " ".join(word for word in (told.kind, told.direction, told.read_point) if word)

    def why(self, decided: Decided) -> str:
        """What led to it."""
        told = decided.transition
        match told.kind:
            case "arrived":
                return self._arrived(decided)
            case "moved":
                return self._moved(decided)
            case "departed":
                return self._departed(told)
            case "passed":
                return self._passed(told)
            case "observed":
                return self._observed(told)

    def _arrived(self, decided: Decided) -> str:
        told = decided.transition
        heard = f"first heard at {self._clock(told.first_seen)}"
        waited = told.decided - told.first_seen
        waited_for = f" and listened to for {lasting(waited)}" if waited >= 0.1 else ""
        lost = "; presence from before was lost, so the centre is told anew (resync)" if told.resync else ""
        return f"{heard}{waited_for}; {self._ranking(decided.weighed)}{lost}"

    def _moved(self, decided: Decided) -> str:
        told = decided.transition
        point = self._trace.point(told.read_point)
        weighed = decided.weighed
        came, left = (weighed.of(told.read_point), weighed.of(told.origin)) if weighed else (None, None)
        lead = f" and had {came - left:.1f} dB when it was decided" if came is not None and left is not None else ""
        dated = f"dated {self._clock(told.time)}, for what is weighed lags behind"
        return f"{told.read_point} took the lead over {told.origin}{lead} ({_needed(point)}); {dated}"

    def _departed(self, told: Transition) -> str:
        last = f"last heard at {self._clock(told.time)}"
        if told.reason == "timeout":
            silent = lasting(max(told.decided - told.last_seen, 0.0))
            return f"{last}, then not for {silent} while its antennas observed ({self._timeout(told.read_point, 0.0)})"
        if told.reason == "unobserved":
            gap = told.unobserved or (told.last_seen, told.decided)
            return (
                f"{last}; its antennas did not observe from {self._clock(gap[0])} to {self._clock(gap[1])}, and it was "
                f"not there afterwards, so it left unseen"
            )
        if told.reason == "expired":
            freeze = lasting(self._trace.point(told.read_point).freeze_max)
            return f"{last}; its antennas have not observed for {freeze} (freeze_max)"
        return f"{last}; the configuration or its name changed, so it is no longer there"

    def _passed(self, told: Transition) -> str:
        run = next((one for one in self._runs if one.passed == told), None)
        return doors.why(run, self._runs, self._trace, self._zone) if run else f"heard {told.reads} times in the door"

    def _observed(self, told: Transition) -> str:
        point = self._trace.point(told.read_point)
        reads = "at its first read"
        if told.time > told.first_seen:
            reads = f"heard {told.reads} times and told past its peak, dated {self._clock(told.time)}, its strongest"
        elif point.min_reads > 1:
            reads = f"after {told.reads} reads (min_reads {point.min_reads})"
        if told.object.kind != "instance":
            return f"{reads}; a class or another code is told at every scan (dedup_class {lasting(point.dedup_class)})"
        return f"{reads}; it is told again only when it was unseen for {lasting(point.dedup)} (dedup)"

    # What was not decided

    def notes(self) -> Iterator[str]:
        """What else there is to know, the most important first."""
        if not self._trace.reads and not self._trace.decided:
            yield "it was not heard in this time: without --from and --to all that there is is looked at"
        yield from self._never()
        yield from self._still()
        for kind in (self._no_moves, self._no_passages, self._no_second, self._unused, self._outages):
            found = kind()
            yield from islice(found, MOST)
            more = sum(1 for _ in islice(found, COUNTED))
            if more:
                count = f"{more} or more" if more == COUNTED else str(more)
                yield f"and {count} like these: look at less of it, with --from and --to"
        if self._trace.every > 1:
            yield f"of a flood not all is remembered: at times only every {self._trace.every}th read is shown here"
        heard_by = {(one.device, one.antenna) for one in self._trace.reads}
        learned = [
            (label(*port), offset)
            for port, offset in self._trace.learned.items()
            if abs(offset) >= 0.05 and (port in heard_by or (port[0], None) in heard_by)
        ]
        if learned:
            yield "learned of antennas: " + ", ".join(f"{name} {offset:+.1f} dB" for name, offset in sorted(learned))

    def _never(self) -> Iterator[str]:
        """Reads at zones, and no zone."""
        used = [one for one in self._trace.reads if one.kind == "zone" and not one.unused]
        if used and not list(self._trace.spans()) and not self._trace.decided:
            least = max(self._trace.point(name).min_reads for name in {one.read_point for one in used})
            yield f"{len(used)} reads and no zone: a new tag is listened to first, and needs {least} reads (min_reads)"

    def _still(self) -> Iterator[str]:
        spans = list(self._trace.spans())
        if not spans or spans[-1][1] < self._trace.end:
            return
        begin, end, zone = spans[-1]
        if zone not in self._trace.rules.read_points:
            return
        last = self._last_heard(zone)
        silent = "not heard in this time" if last is None else f"silent for {lasting(end - last)}"
        if last is not None and end - last < 1.0:
            silent = "heard up to the end"
        since = self._clock(begin)
        if begin <= self._trace.begin and self._trace.initial == zone and self._trace.placed is not None:
            since = day(self._trace.placed, self._zone)
        yield f"in {zone} since {since}; {silent}, and departs after {self._timeout(zone, self._trace.patience)}"

    def _no_passages(self) -> Iterator[str]:
        for run in self._runs:
            if run.passed is None:
                yield f"{run.portal}: {doors.why(run, self._runs, self._trace, self._zone)}"

    def _no_moves(self) -> Iterator[str]:
        """Who might have taken it, and by how much it was too little."""
        times = [one.time for one in self._trace.weighed]
        left = {(one.origin, one.time) for one in self._trace.transitions if one.kind == "moved"}
        for begin, end, zone in self._trace.spans():
            if zone not in self._trace.rules.read_points or (zone, end) in left:
                continue
            some = self._trace.weighed[bisect_left(times, begin) : bisect_right(times, end)]
            inside = [one for one in some if one.here == zone]
            leads = [(best[1], best[0]) for one in inside if (best := _rival(one, zone)) is not None]
            if not leads:
                continue
            lead, rival = max(leads)
            if lead > 0.0:
                yield f"{rival} was stronger than {zone} by {lead:.1f} dB at most; {_needed(self._trace.point(rival))}"

    def _no_second(self) -> Iterator[str]:
        """Reads at a checkpoint that were no event of their own."""
        return belt.unsaid(self._trace, self._zone)

    def _unused(self) -> Iterator[str]:
        counts = Counter((one.unused, label(one.device, one.antenna)) for one in self._trace.reads if one.unused)
        for (why, antenna), count in counts.most_common():
            yield f"{count} {'read' if count == 1 else 'reads'} of {antenna} decided nothing: {why}"

    def _outages(self) -> Iterator[str]:
        for one in self._trace.outages:
            still = one.end == math.inf
            when = f"is {one.state} since {self._clock(one.begin)}"
            if not still:
                when = f"was {one.state} from {self._clock(one.begin)} to {self._clock(one.end)}"
            rest = "departs" if still else "departed meanwhile"
            yield f"{label(one.device, one.antenna)} {when}: nothing that it heard {rest}"

    def _last_heard(self, zone: str) -> float | None:
        return max((one.time for one in self._trace.reads if one.read_point == zone and not one.unused), default=None)

    def _timeout(self, zone: str, patience: float) -> str:
        point = self._trace.point(zone)
        if point.presence_timeout is not None:
            return f"presence_timeout {lasting(point.presence_timeout)}"
        beacon = ", ten of its intervals" if self._trace.identity.scheme in BEACONS else ""
        return f"{lasting(patience)} (presence_timeout auto{beacon})" if patience else f"presence_timeout auto{beacon}"

    def _ranking(self, weighed: Weighed | None) -> str:
        if weighed is None:
            return "it was in no other zone"
        (zone, level), *others = weighed.zones
        next_best = f", next {others[0][0]} {others[0][1]:.1f} dB" if others else ", no other zone heard it"
        return f"{zone} is the strongest: {level:.1f} dB{next_best}"

    def _clock(self, time: float) -> str:
        return clock(time, self._zone)


def _needed(point: ReadPoint) -> str:
    return f"a move needs {point.hysteresis_db:g} dB for {lasting(point.dwell)}"


def _rival(weighed: Weighed, zone: str) -> tuple[str, float] | None:
    """(zone, dB) of the strongest other one, and its lead."""
    own = weighed.of(zone)
    others = [one for one in weighed.zones if one[0] != zone]
    return None if own is None or not others else (others[0][0], others[0][1] - own)


def heard(reads: list[Seen]) -> list[tuple[str, float | None, int]]:
    """(antenna, mean dBm, reads), the strongest first."""
    found: dict[str, list[float | None]] = {}
    for one in reads:
        found.setdefault(label(one.device, one.antenna), []).append(one.level)
    rows = []
    for name, levels in found.items():
        known = [level for level in levels if level is not None]
        rows.append((name, sum(known) / len(known) if known else None, len(levels)))
    return sorted(rows, key=lambda row: (-(row[1] if row[1] is not None else -math.inf), row[0]))
