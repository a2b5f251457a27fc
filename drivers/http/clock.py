"""A source's clock against the host's. Posted times are the source's own; nothing else tells how late a post comes.

- A request's `Date` (RFC 9110, section 6.6.1) is its clock at sending: what it differs from arrival is its error.
- Nothing was read after it arrived: a newest read ahead of arrival puts all reads of the post back by as much.
- A newest read older than `max_age` comes from a clock that was never set: it counts as of arrival, the others keep
  their distances to it.
Pure: no clock of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

COARSE = 2.0
"""Seconds: `Date` has no fractions, and a request takes a while."""


def offset(times: Sequence[float], received: float, sent: float | None, max_age: float) -> float:
    """What to add to the times of one post; 0 where the source's clock is right or cannot be judged."""
    error = 0.0 if sent is None or abs(received - sent) <= COARSE else received - sent
    newest = max(times, default=received) + error
    if newest > received or newest < received - max_age:
        error += received - newest
    return error


def corrected(time: float, error: float, received: float, max_age: float) -> float:
    """One read's time, put right: never after arrival, never before `max_age`, which is then arrival too."""
    put = time + error
    return put if received - max_age <= put <= received else received
