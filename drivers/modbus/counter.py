"""Counters: how many were counted since the last look, over wrap-around and restart. Pure."""

from __future__ import annotations

_JITTER = 1.0
"""Seconds by which an answer may be older than it seems."""


class Counter:
    """One register that counts up to `span` and begins again at 0; a device that restarts begins at 0, too.

    A count below the last is a wrap-around where what it then counted can be: at most `fastest` a second or, if that
    is not known, from the last quarter of the range into the first. Else the device restarted. What is more than
    `fastest` allows was never counted: another register, or a counter that was set.
    """

    def __init__(self, span: int, fastest: float | None = None) -> None:
        self._span = span
        self._fastest = fastest
        self._last: tuple[int, float] | None = None

    def count(self, value: int, time: float) -> int:
        """Counted since the call before; nothing at the first, which is where counting begins."""
        before, self._last = self._last, (value, time)
        if before is None:
            return 0
        last, since = before
        if self._fastest is not None:
            able = self._fastest * (max(time - since, 0.0) + _JITTER)
            steps = (value - last, value - last + self._span, value)
            return next((step for step in steps if 0 <= step <= able), 0)
        if value >= last:
            return value - last
        wrapped = last >= self._span * 3 // 4 and value < self._span // 4
        return value - last + self._span if wrapped else value
