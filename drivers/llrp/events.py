"""READER_EVENT_NOTIFICATION (LLRP 1.0.1, section 13.1.5) as observations and as words."""

from __future__ import annotations

from collections.abc import Callable

from drivers.contract import Observation, Signal, Status
from drivers.llrp.codec.enums import AntennaEventType, ConnectionAttemptStatusType
from drivers.llrp.codec.values import Element, Message
from drivers.llrp.words import said

_Attempt = ConnectionAttemptStatusType
_REFUSALS: dict[int, str] = {
    _Attempt.Failed_A_Reader_Initiated_Connection_Already_Exists: (
        "the reader is busy with a connection it opened itself: turn off reader-initiated connections there"
    ),
    _Attempt.Failed_A_Client_Initiated_Connection_Already_Exists: (
        "another client is connected to the reader; waiting until it lets go "
        "(after an unclean end the reader may need a minute)"
    ),
}


def data(notification: Message) -> Element:
    """The notification's content; empty if the reader sent none."""
    return notification.child("ReaderEventNotificationData") or Element("ReaderEventNotificationData")


def stamp(notification: Message) -> float | None:
    """Its time in the reader's own seconds: UTC, else since boot."""
    content = data(notification)
    time = content.child("UTCTimestamp") or content.child("Uptime")
    return None if time is None else float(time["Microseconds"]) / 1e6


def attempt(notification: Message) -> int | None:
    """The status of a ConnectionAttemptEvent; None if it is about something else."""
    event = data(notification).child("ConnectionAttemptEvent")
    return None if event is None else int(event["Status"])


def refused_attempt(status: int) -> str | None:
    """Why the reader does not take us, or None if it does."""
    if status == _Attempt.Success:
        return None
    names = {one.value: one.name.replace("_", " ").lower() for one in _Attempt}
    other = f"the reader does not take the connection: {names.get(status, f'status {status}')}"
    return _REFUSALS.get(status, other)


def observations(notification: Message, time: float) -> list[Observation]:
    """Inputs as `Signal`, antennas and faults as `Status`, all at `time`. The rest is not for the gateway."""
    found: list[Observation] = []
    for event in data(notification).children:
        told = _TOLD.get(event.name)
        if told is not None:
            found.append(told(event, time))
    return found


def _input(event: Element, time: float) -> Observation:
    return Signal(f"gpi{event['GPIPortNumber']}", bool(event["GPIEvent"]), time)


def _antenna(event: Element, time: float) -> Observation:
    antenna = event["AntennaID"]
    if event["EventType"] == AntennaEventType.Antenna_Connected:
        return Status(antenna, "online", f"antenna {antenna} is connected", time)
    return Status(antenna, "offline", f"antenna {antenna} is disconnected: check its cable", time)


def _warning(event: Element, time: float) -> Observation:
    full = event["ReportBufferPercentageFull"]
    return Status(None, "degraded", f"the reader's report buffer is {full} % full: the link is too slow", time)


def _overflow(_event: Element, time: float) -> Observation:
    return Status(None, "degraded", "the reader's report buffer ran over: reads are lost", time)


def _exception(event: Element, time: float) -> Observation:
    words = said(event["Message"]) or "without a reason"
    where = event.child("AntennaID")
    at = f" at antenna {where['AntennaID']}" if where else ""
    return Status(None, "degraded", f"the reader reports a fault{at}: {words}", time)


def _rival(_event: Element, time: float) -> Observation:
    cause = "another client tried to connect: a reader serves one; find out which second system wants it"
    return Status(None, "degraded", cause, time)


_TOLD: dict[str, Callable[[Element, float], Observation]] = {
    "GPIEvent": _input,
    "AntennaEvent": _antenna,
    "ReportBufferLevelWarningEvent": _warning,
    "ReportBufferOverflowErrorEvent": _overflow,
    "ReaderExceptionEvent": _exception,
    "ConnectionAttemptEvent": _rival,
}
