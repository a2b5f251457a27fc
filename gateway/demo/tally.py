"""The demo's counts over the lives of its gateway: a process that is killed takes its own counts with it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gateway.demo.figures import Figures, Gauge, Lane
from gateway.overview import Overview

DOWN = "no gateway"


class Tally:
    """Adds up what each life of the gateway last said of itself, segment by segment."""

    def __init__(self, segments: tuple[str, ...]) -> None:
        self._segments = {name: _Segment(name) for name in segments}

    @property
    def figures(self) -> Figures:
        """As they were last."""
        known = self._segments.values()
        return Figures(tuple(one.lane for one in known), tuple(gauge for one in known for gauge in one.gauges))

    def lane(self, segment: str) -> Lane:
        """One segment's counts, as they were last."""
        return self._segments[segment].lane

    def gauges(self, segment: str) -> tuple[Gauge, ...]:
        """Its devices."""
        return self._segments[segment].gauges

    def take(self, now: Mapping[str, Overview], received: Mapping[str, int]) -> Figures:
        """The counts with these overviews by segment; those that are missing do not answer."""
        for name, one in self._segments.items():
            one.take(now.get(name), received.get(name, 0))
        return self.figures

    def final(self, stored: Mapping[str, int], received: Mapping[str, int]) -> Figures:
        """The counts as the files have them, after the gateway has ended."""
        for name, one in self._segments.items():
            pending = stored[name] - received[name]
            one.lane = one.lane._replace(stored=stored[name], pending=pending, received=received[name])
        return self.figures


class _Segment:
    def __init__(self, name: str) -> None:
        self.lane = Lane(name)
        self.gauges: tuple[Gauge, ...] = ()
        self._past: Counter[str] = Counter()
        self._life: Counter[str] = Counter()
        self._pid = 0

    def take(self, now: Overview | None, received: int) -> None:
        lane = self.lane._replace(received=received)
        if now is None:
            # What was received had been stored, also if nobody was asked between that and the kill.
            self.lane = lane._replace(uplink=DOWN, stored=max(lane.stored, received))
            self.gauges = tuple(gauge._replace(state="offline", cause=DOWN) for gauge in self.gauges)
            return
        if now.pid != self._pid:
            self._past, self._pid = self._past + self._life, now.pid
        self._life = Counter(
            {" read": now.location.reads, " decided": now.location.decided}
            | {" measured": sum(device.values for device in now.devices)}
            | {device.device: device.reads or device.values for device in now.devices}
        )
        count, outbox = self._past + self._life, now.outbox
        self.lane = lane._replace(
            read=count[" read"],
            measured=count[" measured"],
            decided=count[" decided"],
            stored=outbox.pending + outbox.sent + outbox.dead,
            pending=outbox.pending,
            uplink=now.uplink.state,
        )
        self.gauges = tuple(
            Gauge(device.device, count[device.device], device.state, device.cause) for device in now.devices
        )
