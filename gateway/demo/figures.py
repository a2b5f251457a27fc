"""What the demo counts, of each segment and each device. Pure."""

from __future__ import annotations

from typing import NamedTuple

USUAL = 5
"""Events of a segment that may wait at any moment while all is well: sent, but not yet settled in the file."""


class Lane(NamedTuple):
    """One segment since the demo began: counts along its way, and its uplink in words."""

    segment: str
    read: int = 0
    measured: int = 0
    decided: int = 0
    stored: int = 0
    pending: int = 0
    received: int = 0
    uplink: str = "starting"


class Gauge(NamedTuple):
    """One device: what it has read or measured, and how it is."""

    device: str
    observed: int = 0
    state: str = "starting"
    cause: str = ""

    @property
    def trouble(self) -> str:
        """Why nothing may be expected of it; empty where it is well."""
        return "" if self.state == "online" else f"{self.device} {self.state}: {self.cause}".rstrip(": ")


class Figures(NamedTuple):
    """All of them."""

    lanes: tuple[Lane, ...] = ()
    gauges: tuple[Gauge, ...] = ()

    @property
    def total(self) -> Lane:
        """All segments together; the uplink is that of the first that is not online."""
        lanes = self.lanes
        return Lane(
            "all",
            read=sum(lane.read for lane in lanes),
            measured=sum(lane.measured for lane in lanes),
            decided=sum(lane.decided for lane in lanes),
            stored=sum(lane.stored for lane in lanes),
            pending=sum(lane.pending for lane in lanes),
            received=sum(lane.received for lane in lanes),
            uplink=next((lane.uplink for lane in lanes if lane.uplink != "online"), "online"),
        )

    @property
    def trouble(self) -> str:
        """The first device that is not well, and why."""
        return next((gauge.trouble for gauge in self.gauges if gauge.trouble), "")
