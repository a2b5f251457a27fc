"""The demo's counts over the lives of its gateway: a process that is killed takes its own counts with it."""

from __future__ import annotations

from gateway.demo.screen import Figures
from gateway.overview import Overview


class Tally:
    """Adds up what each life of the gateway last said of itself."""

    def __init__(self) -> None:
        self._past = (0, 0)
        self._last: Overview | None = None
        self._figures = Figures()

    @property
    def reads(self) -> int:
        """Reads so far."""
        return self._figures.read

    def take(self, now: Overview | None, received: int, duplicates: int) -> Figures:
        """The counts with this overview; None while no gateway answers."""
        figures = self._figures._replace(received=received, duplicates=duplicates)
        if now is None:
            # What was received had been stored, also if nobody was asked between that and the kill.
            stored = max(figures.stored, received)
            figures = figures._replace(readers="readers: nobody reads them", uplink="down: no gateway", stored=stored)
        else:
            self._meet(now)
            outbox = now.outbox
            figures = figures._replace(
                read=self._past[0] + now.location.reads,
                decided=self._past[1] + now.location.decided,
                stored=outbox.pending + outbox.sent + outbox.dead,
                pending=outbox.pending,
                uplink=now.uplink.state,
                readers=_readers(now),
            )
        self._figures = figures
        return figures

    def final(self, stored: int, received: int, duplicates: int) -> Figures:
        """The counts as the files have them, after the gateway has ended."""
        return self._figures._replace(
            stored=stored, pending=stored - received, received=received, duplicates=duplicates
        )

    def _meet(self, now: Overview) -> None:
        last, self._last = self._last, now
        if last is not None and last.pid != now.pid:
            self._past = (self._past[0] + last.location.reads, self._past[1] + last.location.decided)


def _readers(now: Overview) -> str:
    """`2 readers online`, or the first that is not, and why."""
    for device in now.devices:
        if device.state != "online":
            return f"{device.device} {device.state}: {device.cause}".rstrip(": ")
    return f"{len(now.devices)} reader{'s' if len(now.devices) != 1 else ''} online"
