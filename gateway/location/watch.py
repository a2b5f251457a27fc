"""Which antennas observe, since when not, and the gaps in which nothing could be seen."""

from __future__ import annotations

from collections import deque

import msgspec

from drivers.observations import Antenna, Status
from gateway.location.floor import Floor

_GAPS = 8
"""Gaps remembered of an antenna; older ones end before any presence timeout that still runs."""

_BLINK = 1.0
"""Seconds: an antenna that a device reports dead so soon after it came back has not observed in between."""

_NEVER = float("-inf")


class Silence(msgspec.Struct, frozen=True, gc=False):
    """How well a silence since some time was observed.

    `blind` is since when an antenna of those asked for does not observe (None: all do), `gap` the interval in which it
    was not seen what happened, `back` when the last of them observed again.
    """

    blind: float | None
    gap: tuple[float, float] | None
    back: float


class _Antenna:
    """One antenna's eyes. `since` is when it stopped observing, `begin` how far back that reaches."""

    __slots__ = ("begin", "gaps", "observing", "since")

    def __init__(self) -> None:
        self.observing = False
        self.begin = self.since = _NEVER
        self.gaps: deque[tuple[float, float]] = deque(maxlen=_GAPS)

    def open(self, time: float) -> bool:
        if self.observing:
            return False
        self.observing = True
        if time > self.begin:
            self.gaps.append((self.begin, time))
        return True

    def close(self, time: float) -> None:
        if not self.observing:
            return
        self.observing = False
        if self.gaps and time - self.gaps[-1][1] < _BLINK:
            self.begin, _ = self.gaps.pop()
        else:
            self.begin = self.since = time


class Watch:
    """Follows states of devices and antennas. Until a device says anything it is not observing."""

    def __init__(self, floor: Floor) -> None:
        self.last_return = _NEVER
        """Since then nothing was lost from sight unless `dark`."""
        self.dark = 0
        """Antennas that do not observe now."""
        self.resumed: dict[str, float] = {}
        """Since when devices observe that said so; one that nobody heard before did perhaps all the time."""
        self._floor = floor
        self._eyes: list[_Antenna] = []
        self._observing: dict[str, bool] = {}
        self._begun = False
        self.began = _NEVER
        """Since when the gateway waits."""
        self.replace()

    def replace(self) -> None:
        """The floor has new places: an antenna begins as it was at its place before, else as its device is."""
        for place in self._floor.places[len(self._eyes) :]:
            eyes = _Antenna()
            before = self._floor.places[: place.index]
            same = [one for one in before if (one.device, one.antenna) == (place.device, place.antenna)]
            dark = bool(same) and not self._eyes[same[-1].index].observing
            eyes.observing = self._observing.get(place.device, False) and not dark
            self._eyes.append(eyes)
        self._begun = False
        self._count()

    def shift(self, by: float) -> None:
        """The host's clock was set: all that is remembered moves with it."""
        self.last_return += by
        self.began += by
        for eyes in self._eyes:
            eyes.begin += by
            eyes.since += by
            eyes.gaps = deque(((begin + by, end + by) for begin, end in eyes.gaps), maxlen=_GAPS)

    def begin(self, now: float) -> None:
        """The time at which the gateway started to wait for devices it has not heard of yet."""
        if self._begun:
            return
        self._begun = True
        if self.began == _NEVER:
            self.began = now
        for eyes in self._eyes:
            if not eyes.observing and eyes.since == _NEVER:
                eyes.since = now

    def knows(self, device: str) -> bool:
        """Whether the device has said anything yet."""
        return device in self._observing

    def meet(self, device: str, time: float) -> bool:
        """A device's first observation: it is online from here. True if something observes that did not."""
        self._observing[device] = True
        return self._set(device, None, True, time)

    def status(self, device: str, status: Status, time: float) -> bool:
        """Take a state. True if an antenna observes again.

        `online` of a whole device holds for all its antennas; `degraded` leaves those out that are known not to
        observe, unless the device as a whole did not.
        """
        observing = status.state in ("online", "degraded")
        if status.antenna is not None:
            return self._set(device, status.antenna, observing, time)
        before = self._observing.get(device, False)
        self._observing[device] = observing
        if status.state == "degraded" and before:
            return False
        back = self._set(device, None, observing, time)
        if back:
            self.resumed[device] = time
        return back

    def _set(self, device: str, antenna: Antenna | None, observing: bool, time: float) -> bool:  # noqa: FBT001 - internal
        places = self._floor.devices.get(device, {})
        back = False
        for port, place in places.items():
            if antenna is not None and port != antenna:
                continue
            eyes = self._eyes[place.index]
            if observing:
                back |= eyes.open(time)
            else:
                eyes.close(time)
        if back:
            self.last_return = max(self.last_return, time)
        self._count()
        return back

    def _count(self) -> None:
        self.dark = sum(not self._eyes[place.index].observing for place in self._floor.present())

    def observed(self, since: float) -> bool:
        """Whether all antennas observed all the time since then: the quick answer, right nearly always."""
        return not self.dark and since >= self.last_return

    def state(self, letters: str, now: float) -> tuple[bool, float]:
        """Whether all these antennas observe, and since when that is so; at `now` at the latest."""
        eyes = [self._eyes[ord(letter)] for letter in letters]
        dark = [one.since for one in eyes if not one.observing]
        changed = min(dark) if dark else max((one.gaps[-1][1] for one in eyes if one.gaps), default=now)
        return bool(eyes) and not dark, changed if changed > _NEVER else now

    def longest(self, since: float, timeout: float, freeze_max: float) -> float:
        """Until when a silence may be frozen at the most, however often antennas come and go."""
        return max(since, self.began) + freeze_max + 2.0 * timeout

    def silence(self, letters: str, since: float) -> Silence:
        """How well these antennas observed the time since then."""
        blind: float | None = None
        begin, end = float("inf"), _NEVER
        for letter in letters:
            eyes = self._eyes[ord(letter)]
            if not eyes.observing:
                blind = eyes.since if blind is None else min(blind, eyes.since)
            for start, stop in eyes.gaps:
                if stop > since:
                    begin, end = min(begin, start), max(end, stop)
        gap = (max(begin, since), end) if end > since else None
        return Silence(blind, gap, end)
