"""A ROSpec being executed: its AISpecs in turn, round after round, until a trigger ends it (section 10.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from drivers.llrp.codec.enums import AISpecStopTriggerType, ROReportTriggerType, ROSpecStopTriggerType
from drivers.llrp.codec.values import Element
from simulators.air import Heard
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.plan import Observation, Plan, View, view
from simulators.llrp_reader.reports import Extra, Reports, Selector

_LATE = 20
"""Rounds a late event loop may make up for; what is older was not heard."""
_TOGETHER = 1e-6
"""A round that ends with its AISpec still counts, whatever the last bit of a float says."""
_WEAKEST = -84.0
"""dBm: below it nothing is decoded, whatever the power."""
_HOP = 0.4
"""Seconds on a channel (FCC part 15.247)."""


class Run:
    """From start to end. `advance` collects in `reports` (body, tags, trigger) and `events` what came of it."""

    def __init__(
        self, plan: Plan, device: Device, defaults: tuple[Element, ...], report: Element, fields: Selector, now: float
    ) -> None:
        self.plan, self._device, self._defaults = plan, device, defaults
        self.trigger: int = report["ROReportTrigger"]
        every = report["N"] if self.trigger != ROReportTriggerType.None_ else 0
        self.fields = fields
        self.seen = Reports(fields, plan.id, every, utc=device.utc, most=device.options.buffer)
        self.events: list[tuple[float, Element]] = []
        self.reports: list[tuple[bytes, int]] = []
        self.started = now
        self.ended: float | None = None
        self._ai = plan.ais[0]
        self._views: list[tuple[int, View]] = []
        self._turn = self._tuned = 0
        self._progress: _Progress | None = None
        self._ai_ends = self._round_ends = math.inf
        self._ends = _end(now, plan.stop == ROSpecStopTriggerType.Duration, plan.duration)
        if plan.stop_gpi is not None:
            self._ends = _end(now, plan.stop_gpi.timeout > 0, plan.stop_gpi.timeout)
        self._begin(0, now)

    @property
    def deadline(self) -> float:
        """When something is due next."""
        return min(self._ends, self._ai_ends, self._round_ends)

    def advance(self, now: float, extra: Extra | None) -> None:
        """Does what is due at `now`, in its order."""
        self._round_ends = max(self._round_ends, now - _LATE * self._device.options.period)
        while self.ended is None and (due := self.deadline) <= now:
            if self._round_ends <= due + _TOGETHER:
                self._round(self._round_ends, extra)
            elif due == self._ai_ends:
                self.end_ai(due)
            else:
                self.stop(due)

    def edge(self, port: int, state: bool, now: float) -> None:  # noqa: FBT001 - an input is on or off
        """An input changed."""
        stop, ai = self.plan.stop_gpi, self._ai.gpi
        if stop is not None and (stop.port, stop.state) == (port, state):
            self.stop(now)
        elif ai is not None and (ai.port, ai.state) == (port, state):
            self.end_ai(now)

    def stop(self, now: float) -> None:
        """Ends the ROSpec, with the report that is due then."""
        if self.ended is not None:
            return
        self.ended = now
        self.events.append((now, self._ai_event()))
        self.reports += self.seen.flush()

    def end_ai(self, now: float) -> None:
        """Ends the present AISpec: the next one begins, or the ROSpec ends."""
        if self._ai.index == len(self.plan.ais):
            self.stop(now)
            return
        self.events.append((now, self._ai_event()))
        if self.trigger == ROReportTriggerType.Upon_N_Tags_Or_End_Of_AISpec:
            self.reports += self.seen.flush()
        self._begin(self._ai.index, now)

    def _ai_event(self) -> Element:
        return element("AISpecEvent", EventType=0, ROSpecID=self.plan.id, SpecIndex=self._ai.index)

    def _begin(self, index: int, now: float) -> None:
        self._ai = self.plan.ais[index]
        own, defaults, device = self._ai.configurations, self._defaults, self._device
        self._views = [(antenna, view(antenna, own, defaults, device)) for antenna in self._ai.antennas]
        self._turn = 0
        self._progress = _Progress(self._ai.observation, len(self._views), now) if self._ai.observation else None
        self._ai_ends = _end(now, self._ai.stop == AISpecStopTriggerType.Duration, self._ai.duration)
        if self._ai.gpi is not None:
            self._ai_ends = _end(now, self._ai.gpi.timeout > 0, self._ai.gpi.timeout)
        if self._progress is not None:
            self._ai_ends = self._progress.ends
        self._round_ends = now + self._device.options.period

    def _round(self, end: float, extra: Extra | None) -> None:
        period = self._device.options.period
        antenna, seen_as = self._views[self._turn % len(self._views)]
        self._turn += 1
        start = end - period
        heard = () if seen_as.deaf else _audible(self._device.hear(antenna, start), seen_as)
        self._round_ends = end + period
        channel = self._channel(seen_as, start)
        if channel != self._tuned and self._device.kind.hopping:
            self.events.append((start, element("HoppingEvent", HopTableID=1, NextChannelIndex=channel)))
        self._tuned = channel
        if heard:
            step = int(period * 1_000_000 / len(heard))
            where = (antenna, channel, self._ai.index, self._ai.inventory)
            self.reports += self.seen.add(heard, where, self._device.stamp(start), step, extra)
        if self._progress is not None and self._progress.done(heard, end):
            self.end_ai(end)
        elif self._progress is not None:
            self._ai_ends = self._progress.ends

    def _channel(self, seen_as: View, now: float) -> int:
        kind = self._device.kind
        return 1 + int(now / _HOP) % len(kind.frequencies) if kind.hopping else seen_as.channel


class _Progress:
    """How far a TagObservationTrigger has come (section 11.2.2.1.1)."""

    def __init__(self, trigger: Observation, antennas: int, now: float) -> None:
        self._trigger, self._rounds_left = trigger, trigger.attempts * antennas
        self._limit = now + trigger.timeout if trigger.timeout else math.inf
        self._newest = now
        self._seen: set[bytes] = set()

    @property
    def ends(self) -> float:
        """When it is over if nothing more is seen."""
        return min(self._limit, self._newest + self._trigger.quiet) if self._trigger.kind == 1 else self._limit

    def done(self, heard: Sequence[Heard], now: float) -> bool:
        """Takes in a round; whether the trigger has fired."""
        before = len(self._seen)
        self._seen.update(each.epc for each in heard)
        if len(self._seen) > before:
            self._newest = now
        self._rounds_left -= 1
        if self._trigger.kind == 0:
            return len(self._seen) >= self._trigger.tags
        return self._trigger.kind == 2 and self._rounds_left <= 0


def _end(now: float, applies: bool, after: float) -> float:  # noqa: FBT001 - reads as one sentence where it is used
    return now + after if applies else math.inf


def _audible(heard: Sequence[Heard], seen_as: View) -> Sequence[Heard]:
    """What is left at this antenna's power, and of that what its filters select."""
    if seen_as.loss:
        weaker = (each._replace(rssi=each.rssi - seen_as.loss) for each in heard)
        heard = [each for each in weaker if each.rssi >= _WEAKEST]
    if seen_as.filters:
        heard = [each for each in heard if seen_as.filters.select(each)]
    return heard
