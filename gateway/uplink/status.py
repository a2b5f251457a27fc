"""How the uplink is, for `status`, metrics and health."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.uplink.reasons import NOBODY_LISTENS, hexadecimal

State = Literal["connecting", "online", "offline", "refused", "taken_over"]


class UplinkStatus(msgspec.Struct, frozen=True):
    """The uplink at one moment. `cause` is a sentence; `since` (Unix seconds) is when `state` began.

    `refused` counts publications by reason code (`0x87`), `unheard` those the broker took although nobody listens
    (0x10), `unanswered` those that a connection took with it. `held` were refused and are offered again later.
    `published` and `events` count publications and events that the broker acknowledged. `acks` counts the centre's
    receipts that were taken, `repeated` events that it asked for again, `ignored` what it said in vain, and `distrust`
    says why its last receipt was. `promise` says what an acknowledgement is worth, where it is less than that the
    broker took the message. `alarm` needs a person.
    """

    state: State
    cause: str
    since: float
    promise: str
    alarm: str | None = None
    in_flight: int = 0
    held: int = 0
    published: int = 0
    events: int = 0
    refused: dict[str, int] = {}
    unheard: int = 0
    unanswered: int = 0
    connects: int = 0
    acks: int = 0
    requests: int = 0
    ignored: int = 0
    repeated: int = 0
    distrust: str = ""


class Tally:
    """Counts of what became of publications and of what the centre sent."""

    def __init__(self) -> None:
        self.published = 0
        self.events = 0
        self.unheard = 0
        self.unanswered = 0
        self.connects = 0
        self.acks = 0
        self.requests = 0
        self.ignored = 0
        self.repeated = 0
        self.distrust = ""
        self.refused: dict[str, int] = {}

    @property
    def refusals(self) -> int:
        """Refusals of any kind."""
        return sum(self.refused.values())

    def accepted(self, code: int, events: int) -> None:
        """A publication of so many stored events was acknowledged with a success code."""
        self.published += 1
        self.events += events
        self.unheard += code == NOBODY_LISTENS

    def denied(self, code: int) -> None:
        """A publication was acknowledged with a refusal."""
        name = hexadecimal(code)
        self.refused[name] = self.refused.get(name, 0) + 1


PROMISE = {
    "5": "",
    "3.1.1": "MQTT 3.1.1: an acknowledgement proves only that the broker answered, a refused message is "
    "acknowledged too; rows stay until the centre confirms them or keep_sent ends",
}
