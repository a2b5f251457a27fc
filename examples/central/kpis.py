"""The three figures of docs/central.md: data latency, data accuracy, convergence. No I/O, no clock."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

KEPT = 10_000
"""Newest latencies of a lane: what the percentiles are of."""


class Kpis:
    """Takes what happened, says how it stands. Seconds; shares of one."""

    def __init__(self) -> None:
        self._latency: defaultdict[str, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._agreement: dict[tuple[str, str], tuple[int, int]] = {}
        self._convergence: deque[float] = deque(maxlen=KEPT)
        self.count: defaultdict[str, int] = defaultdict(int)
        """Of stored, repeated, rejected, corrected, lost, compared."""

    def arrived(self, since_event: float, since_decision: float, *, historical: bool) -> None:
        """An event of a place was stored so long after it happened, and after it was decided."""
        self._latency["historical" if historical else "live"].append((since_event, since_decision))

    def compared(self, source: str, read_point: str, said: set[str], held: set[str]) -> bool:
        """A snapshot against the centre's own state; whether they are equal."""
        self.count["compared"] += 1
        self._agreement[source, read_point] = len(said & held), len(said | held)
        return said == held

    def converged(self, seconds: float) -> None:
        """So long after a reconnect, all zones of a segment were equal."""
        self._convergence.append(seconds)

    @property
    def accuracy(self) -> float:
        """Objects equal in the newest snapshots and the centre / all in either."""
        both, either = (sum(column) for column in zip((0, 0), *self._agreement.values(), strict=True))
        return both / either if either else 1.0

    def report(self) -> dict[str, Any]:
        """All figures, as JSON takes them."""
        return {
            "latency": {lane: _percentiles(delays) for lane, delays in sorted(self._latency.items())},
            "accuracy": round(self.accuracy, 4),
            "convergence": {"last": round(self._convergence[-1], 3), "worst": round(max(self._convergence), 3)}
            if self._convergence
            else None,
            "count": dict(self.count),
        }

    def alarms(self) -> list[str]:
        """What somebody should look at: live events more than 15 min late, accuracy under 98 %."""
        live = _percentiles(self._latency.get("live", deque()))
        late = live["eventTime"]["p99"] > 900 if live else False
        return ["live events are more than 15 min late"] * late + ["accuracy is under 98 %"] * (self.accuracy < 0.98)


def _percentiles(delays: deque[tuple[float, float]]) -> dict[str, Any]:
    """p50, p95 and p99 by nearest rank."""
    if not delays:
        return {}
    found: dict[str, Any] = {"events": len(delays)}
    for name, column in zip(("eventTime", "decidedAt"), zip(*delays, strict=True), strict=True):
        ordered = sorted(column)
        found[name] = {f"p{p}": round(ordered[-(-len(ordered) * p // 100) - 1], 3) for p in (50, 95, 99)}
    return found
