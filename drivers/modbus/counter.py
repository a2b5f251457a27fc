"""Counters: how many were counted since the last look, over wrap-around and restart. Pure."""

from __future__ import annotations


class Counter:
    """One register that counts up to `range` and begins again at 0; a device that restarts begins at 0, too.

    A count below the last is a wrap-around where what it then counted can be: at most `fastest` a second or, if that
    is not known, from the last quarter of the range into the first. Else the device restarted.
    """

    def __init__(self, span: int, fastest: float | None = None) -> None:
        self._range = span
        self._fastest = fastest
        self._last: tuple[int, float] | None = None

    def count(self, value: int, time: float) -> int:
        """Counted since the call before; nothing at the first, which is where counting begins."""
        before, self._last = self._last, (value, time)
        if before is None:
            return 0
        last, since = before
        if value >= last:
            return value - last
        around = value - last + self._range
        if self._fastest is not None:
            wrapped = around <= self._fastest * max(time - since, 0.0)
        else:
            wrapped = last >= self._range * 3 // 4 and value < self._range // 4
        return around if wrapped else value
