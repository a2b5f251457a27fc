"""How the uplink is, for `status`, metrics and health."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.uplink.reasons import NOBODY_LISTENS, NOT_AUTHORIZED, hexadecimal, sentence

REMEMBER = 60.0
"""Seconds for which trouble is told after it was last seen: an alarm must not flutter."""

State = Literal["connecting", "online", "offline", "refused", "taken_over"]


class UplinkStatus(msgspec.Struct, frozen=True):
    """The uplink at one moment. `cause` is a sentence; `since` (Unix seconds) is when `state` began.

    `refused` counts publications by reason code (`0x87`), `unheard` those the broker took although nobody listens
    (0x10), `unanswered` those that a connection took with it. `held` were refused and are offered again later.
    `published` and `events` count publications and events that the broker acknowledged. `acks` counts the centre's
    receipts that were taken, `repeated` events that it asked for again, `ignored` what it said in vain, and `distrust`
    says why its last receipt was. `given_up` counts events that became dead letters, by reason. `promise` says what an
    acknowledgement is worth, where it is less than that the broker took the message. `alarm` needs a person.
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
    given_up: dict[str, int] = {}


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
        self.given_up: dict[str, int] = {}
        self.heard_by_nobody_at = self.barred_at = self.in_vain_at = -REMEMBER
        self._in_vain = ""

    @property
    def refusals(self) -> int:
        """Refusals of any kind."""
        return sum(self.refused.values())

    def accepted(self, code: int, events: int, now: float) -> None:
        """A publication of so many stored events was acknowledged with a success code, at `now` (the loop's time)."""
        self.published += 1
        self.events += events
        if code == NOBODY_LISTENS:
            self.unheard += 1
            self.heard_by_nobody_at = now

    def denied(self, code: int, now: float) -> None:
        """A publication was acknowledged with a refusal."""
        if code == NOT_AUTHORIZED:
            self.barred_at = now
        name = hexadecimal(code)
        self.refused[name] = self.refused.get(name, 0) + 1

    def in_vain(self, why: str, now: float) -> None:
        """The centre asked for what there is not; of those in a row the first is told."""
        self.ignored += 1
        if now - self.in_vain_at >= REMEMBER:
            self._in_vain = why
        self.in_vain_at = now

    def buried(self, reason: str) -> None:
        """An event was given up."""
        self.given_up[reason] = self.given_up.get(reason, 0) + 1

    def trouble(self, now: float) -> str | None:
        """What a person must look at, of what became known in the last minute."""
        if now - self.barred_at < REMEMBER:
            return f"events are held back: {sentence(NOT_AUTHORIZED)}"
        if now - self.heard_by_nobody_at < REMEMBER:
            return "nobody listens: the broker took events and had no subscriber for them; is the central service up?"
        if self.distrust:
            return f"an ack of the centre was ignored: {self.distrust}"
        if now - self.in_vain_at < REMEMBER:
            return f"a request of the centre cannot be met: {self._in_vain}"
        return None


PROMISE = {
    "5": "",
    "3.1.1": "MQTT 3.1.1: an acknowledgement proves only that the broker answered, a refused message is "
    "acknowledged too; rows stay until the centre confirms them or keep_sent ends",
}
