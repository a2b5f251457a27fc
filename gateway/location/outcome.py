"""What the engine hands out: outcomes, and counts of what it did not use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from drivers.observations import Read
from gateway.model import Absent, PresenceChange, Present, Transition

Key = bytes | tuple[str, bytes, int | None]
"""What tells identifiers apart before they are decoded: the EPC's bytes, or (scheme, value, PC word)."""

TOGGLE = 0x100
"""PC bit 17h: an EPC of this value under another AFI is another identifier (Gen2 section 6.3.2.1.2.2)."""

MAX_TAGS = 200_000
"""Identifiers one rule keeps at a time; more are refused and counted, so endless distinct tags cost no memory."""

LATER = 0.001
"""Seconds by which a placement that is told again is later, as events write times."""

MAX_ALIASES = 65_536
"""Identifiers remembered as not wanted, so that each is looked at once."""


class Outcome(NamedTuple):
    """A transition and the presence it implies; a change of presence alone has no transition.

    Outcomes of one call belong in one COMMIT: the objects of a passage are never told apart from each other.
    """

    transition: Transition | None
    presence: tuple[PresenceChange, ...] = ()


class Counts(msgspec.Struct):
    """Reads taken, and reads that decided nothing, by why."""

    reads: int = 0
    late: int = 0
    """Older than the last decision about their tag."""
    ignored: int = 0
    """Identifiers that segment or read point do not accept."""
    unplaced: int = 0
    """From a device or antenna that is at no read point."""
    future: int = 0
    """Stamped more than a second ahead of the clock, or with no time at all; taken as now."""
    weak: int = 0
    """Below the RSSI floor."""
    gated: int = 0
    """At a read point whose gate was closed."""
    refused: int = 0
    """Beyond what one rule keeps at a time."""
    strays: int = 0
    """Tags seen at a portal that did not cross it."""


def key(read: Read) -> Key:
    """The key of a read: bytes where that is enough, which is nearly always."""
    if read.scheme == "epc" and not (read.pc is not None and read.pc & TOGGLE):
        return read.value
    return (read.scheme, read.value, read.pc)


def as_told(outcome: Outcome, told: Mapping[str, str]) -> Outcome:
    """It ends where it was told that it began: at the read point with that URI."""
    transition = outcome.transition
    if transition is None:
        return outcome
    return Outcome(msgspec.structs.replace(transition, uri=told.get(transition.read_point)), outcome.presence)


def again(known: Present, told: Mapping[str, str], now: float, out: list[Outcome]) -> Present:
    """What another stream has placed in a zone is placed in this one: later, and not before it was last seen."""
    if known.kind == "checkpoint":
        return known
    seen = max(known.last_seen, known.since + LATER)
    placed = msgspec.structs.replace(known, since=seen, last_seen=seen)
    arrived = Transition(
        "arrived", known.object, known.read_point, seen, now, known.since, known.last_seen, resync=True
    )
    out.append(as_told(Outcome(arrived, (placed,)), told))
    return placed


def gone(known: Present, now: float) -> Outcome:
    """What was present at a read point that left the configuration: it departs from a zone, a checkpoint forgets it."""
    absent = Absent(known.object.uri, known.read_point, known.slot)
    if known.kind == "checkpoint":
        return Outcome(None, (absent,))
    seen = known.last_seen
    departed = Transition(
        "departed", known.object, known.read_point, seen, now, known.since, seen, reason="configuration"
    )
    return Outcome(departed, (absent,))
