"""What the reader has to say, and whether it may say it now: directly, held for a client, or kept while one is slow."""

from __future__ import annotations

from collections import deque

from drivers.llrp.codec.values import Element, Message
from drivers.llrp.codec.wire import encode
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.reports import frame

_WARN_AT = 0.8
"""Share of the report buffer at which ReportBufferLevelWarningEvent is due."""
_MOST_EVENTS = 1000


class Link:
    """The way out to one client at a time. `out` holds whole frames for the shell to write."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.out: list[bytes] = []
        self.linked = False
        self.held = False
        self.stalled = False
        self.version = 1
        self.warning_wanted = False
        self._waiting: deque[tuple[bytes | Element, int]] = deque()
        self._tags = 0
        self._events = 0
        self._warned = self._overflown = False
        self._number = 0

    def connect(self, *, hold: bool) -> None:
        """A client is there. With `hold` events and reports wait for ENABLE_EVENTS_AND_REPORTS."""
        self.linked, self.held, self.stalled, self.version = True, hold, False, 1

    def disconnect(self) -> None:
        """It is gone; what a reader without holding still had for it is lost."""
        self.linked = self.stalled = False
        self.out.clear()
        if not self._device.holding:
            self._waiting.clear()
            self._tags = self._events = 0

    def send(self, message: Message) -> None:
        """At once: responses, keepalives, the connection's own events."""
        self.out.append(encode(message))

    def number(self) -> int:
        """The id of the next message that the reader sends by itself."""
        self._number = self._number % 0xFFFFFFFF + 1
        return self._number

    def notify(self, data: Element) -> None:
        """A READER_EVENT_NOTIFICATION, now or when it may be sent."""
        if self._free():
            self.send(Message("READER_EVENT_NOTIFICATION", self.number(), self.version, {}, (data,)))
        elif self._kept() and self._events < _MOST_EVENTS:
            self._waiting.append((data, 0))
            self._events += 1

    def report(self, body: bytes, tags: int, now: float) -> None:
        """A RO_ACCESS_REPORT of `tags` entries, now or when it may be sent; lost where the buffer is full."""
        if self._free():
            self.out.append(frame(body, self.number(), self.version))
        elif self._kept():
            self._keep(body, tags, now)

    def release(self, now: float) -> None:
        """Nothing holds back any more: everything kept goes out, in order, then what happened to the buffer."""
        self.held = False
        if not self._free():
            return
        waiting, self._waiting = self._waiting, deque()
        self._tags = self._events = 0
        self._warned = False
        for kept, tags in waiting:
            if isinstance(kept, bytes):
                self.report(kept, tags, now)
            else:
                self.notify(kept)
        if self._overflown:
            self._overflown = False
            self.notify(event(self._device, now, element("ReportBufferOverflowErrorEvent")))

    def stall(self, *, stalled: bool, now: float) -> None:
        """Whether the client reads slower than reports come."""
        self.stalled = stalled
        if not stalled and not self.held:
            self.release(now)

    def take_reports(self) -> list[tuple[bytes, int]]:
        """The reports kept so far, for GET_REPORT; events stay."""
        reports = [(kept, tags) for kept, tags in self._waiting if isinstance(kept, bytes)]
        self._waiting = deque(each for each in self._waiting if not isinstance(each[0], bytes))
        self._tags = 0
        return reports

    def _free(self) -> bool:
        return self.linked and not self.held and not self.stalled

    def _kept(self) -> bool:
        return self.linked or self._device.holding

    def _keep(self, body: bytes, tags: int, now: float) -> None:
        most = self._device.options.buffer
        if self._tags + tags > most:
            self._overflown = True
            return
        self._waiting.append((body, tags))
        self._tags += tags
        if self._tags >= most * _WARN_AT and not self._warned and self.warning_wanted:
            self._warned = True
            full = min(100 * self._tags // most, 100)
            warning = element("ReportBufferLevelWarningEvent", ReportBufferPercentageFull=full)
            self.notify(event(self._device, now, warning))


def event(device: Device, now: float, *what: Element) -> Element:
    """ReaderEventNotificationData with the reader's stamp."""
    return element("ReaderEventNotificationData", device.stamped(now), *what)
