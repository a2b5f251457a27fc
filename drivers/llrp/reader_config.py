"""SET_READER_CONFIG: which events the reader tells, its signs of life, its inputs, and holding where it can."""

from __future__ import annotations

from drivers.llrp.choices import Choices
from drivers.llrp.codec.enums import GPIPortState, KeepaliveTriggerType, NotificationEventType
from drivers.llrp.codec.values import Element, Message

_TOLD = frozenset(
    {
        NotificationEventType.GPI_Event,
        NotificationEventType.ROSpec_Event,
        NotificationEventType.Report_Buffer_Fill_Warning,
        NotificationEventType.Reader_Exception_Event,
        NotificationEventType.Antenna_Event,
    }
)


def reader_config(choices: Choices) -> Message:
    """The whole message; sent on every connection, for a restarted reader has forgotten it. Disturbs no inventory."""
    events = tuple(
        Element("EventNotificationState", {"EventType": int(kind), "NotificationState": kind in _TOLD})
        for kind in NotificationEventType
        if kind is not NotificationEventType.Report_Buffer_Fill_Warning or choices.capabilities.buffer_warning
    )
    keepalive = Element(
        "KeepaliveSpec",
        {
            "KeepaliveTriggerType": int(KeepaliveTriggerType.Periodic),
            "PeriodicTriggerValue": max(1, round(choices.settings.keepalive * 1000)),
        },
    )
    inputs = [
        Element("GPIPortCurrentState", {"GPIPortNum": port, "Config": True, "State": int(GPIPortState.Unknown)})
        for port in range(1, choices.capabilities.gpis + 1)
    ]
    holding = [Element("EventsAndReports", {"HoldEventsAndReportsUponReconnect": True})]
    children = [Element("ReaderEventNotificationSpec", {}, events), keepalive, *inputs]
    children += holding if choices.capabilities.holding else []
    return Message("SET_READER_CONFIG", 0, fields={"ResetToFactoryDefault": False}, children=tuple(children))
