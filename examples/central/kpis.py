"""The three figures of docs/central.md: data latency, data accuracy, convergence. No I/O, no clock."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from .rows import Row, micros

KEPT = 10_000
"""Newest latencies of a lane: what the percentiles are of."""

TARGET, LATE = 30.0, 900.0
"""Seconds that the p99 of live events should take at most, from `eventTime`; beyond which that is an alarm."""

ACCURATE = 0.98
"""Data accuracy, under which that is an alarm."""


class Kpis:
    """Takes what happened, says how it stands. Seconds; shares of one."""

    def __init__(self) -> None:
        self._latency: defaultdict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._agreement: dict[tuple[str, str], tuple[int, int]] = {}
        self._convergence: deque[float] = deque(maxlen=KEPT)
        self._told = 0  # of `rejected`, in alarms
        self.count: defaultdict[str, int] = defaultdict(int)
        """Of stored, repeated, rejected, corrected, lost, compared."""

    def stored(self, one: Row, event: dict[str, Any], now: float, *, given_up: bool = False) -> None:
        """An event is stored, so long after what it tells of happened, and after it was decided; its number may have
        been declared lost.
        """
        self.count["stored"] += 1
        if given_up:
            self.count["lost"] -= 1
        if one.transition == "corrected":
            self.count["corrected"] += 1
        elif one.at is not None:
            lane = "historical" if event.get("historical") else "live"
            self._latency[lane].append((now - one.at / 1e6, now - micros(event["time"]) / 1e6))

    def compared(self, source: str, zone: str, said: set[str], held: set[str]) -> bool:
        """A snapshot against the centre's own state; whether they are equal."""
        self.count["compared"] += 1
        self._agreement[source, zone] = len(said & held), len(said | held)
        return said == held

    def forget(self, source: str, zone: str | None = None) -> None:
        """That zone is no more, or none of that source."""
        for key in [one for one in self._agreement if one == (source, zone or one[1])]:
            del self._agreement[key]

    def converged(self, seconds: float) -> None:
        """So long after a reconnect, all zones of a segment were equal."""
        self._convergence.append(seconds)

    @property
    def accuracy(self) -> float | None:
        """Objects equal in the newest snapshots and the centre / all in either; None before the first comparison."""
        if not self._agreement:
            return None
        both, either = (sum(column) for column in zip((0, 0), *self._agreement.values(), strict=True))
        return both / either if either else 1.0

    def accuracies(self) -> dict[str, float]:
        """The same of each `source` alone."""
        found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for (source, _), counts in self._agreement.items():
            found[source].append(counts)
        sums = {source: [sum(column) for column in zip(*counts, strict=True)] for source, counts in found.items()}
        return {source: both / either if either else 1.0 for source, (both, either) in sums.items()}

    def report(self) -> dict[str, Any]:
        """All figures, as JSON takes them."""
        accuracy = self.accuracy
        latency = {lane: _percentiles(delays) for lane, delays in sorted(self._latency.items())}
        if "live" in latency:
            latency["live"]["onTarget"] = latency["live"]["eventTime"]["p99"] <= TARGET
        return {
            "latency": latency,
            "accuracy": None if accuracy is None else round(accuracy, 4),
            "convergence": {"last": round(self._convergence[-1], 3), "worst": round(max(self._convergence), 3)}
            if self._convergence
            else None,
            "count": dict(self.count),
        }

    def alarms(self) -> list[str]:
        """What somebody should look at: live events more than 15 min late, accuracy under 98 %, and what was refused
        since this was asked last.
        """
        live, accuracy = _percentiles(self._latency.get("live", deque())), self.accuracy
        refused, self._told = self.count.get("rejected", 0) - self._told, self.count.get("rejected", 0)
        said = {
            "live events are more than 15 min late": bool(live) and live["eventTime"]["p99"] > LATE,
            "accuracy is under 98 %": accuracy is not None and accuracy < ACCURATE,
            f"{refused} refused: see the table `rejected`": refused > 0,
        }
        return [words for words, so in said.items() if so]


def _percentiles(delays: deque[tuple[float, float]]) -> dict[str, Any]:
    """p50, p95 and p99 by nearest rank."""
    if not delays:
        return {}
    found: dict[str, Any] = {"events": len(delays)}
    for name, column in zip(("eventTime", "decidedAt"), zip(*delays, strict=True), strict=True):
        ordered = sorted(column)
        found[name] = {f"p{p}": round(ordered[-(-len(ordered) * p // 100) - 1], 3) for p in (50, 95, 99)}
    return found
