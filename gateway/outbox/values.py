"""What goes in and out of the outbox, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from gateway.model import Draft

State = Literal["pending", "sent", "confirmed", "dead"]
Lane = Literal["live", "historical"]
LossReason = Literal["full", "corrupt", "dead-letter", "refused"]

STATES: tuple[State, ...] = ("pending", "sent", "confirmed", "dead")
"""The names of the numbers in the `state` column."""


class Row(NamedTuple):
    """A stored event on its way out. `stored` is when its COMMIT began (Unix seconds)."""

    rowid: int
    channel: str
    name: str | None
    sequence: int
    epoch: int
    stored: float
    payload: bytes


class Entry(NamedTuple):
    """A stored event as a person sees it. `changed` is when it took its state; `size` is the payload's, in bytes."""

    rowid: int
    epoch: int
    sequence: int
    channel: str
    name: str | None
    stored: float
    state: State
    changed: float
    reason: str | None
    size: int


class Selection(msgspec.Struct, frozen=True):
    """Which rows to send again: of one state, of these ids, with this reason, in it since then; all that is given."""

    state: Literal["dead", "sent"] = "dead"
    rowids: Sequence[int] | None = None
    reason: str | None = None
    since: float | None = None


class EpochState(NamedTuple):
    """How far one epoch of a stream is: the greatest sequence given out, how many are still pending, and the sequence
    up to which the centre has said that it has everything.
    """

    stream: str
    epoch: int
    last: int
    pending: int
    confirmed: int = 0


class Receipt(NamedTuple):
    """What the centre has of (`stream`, `epoch`): all up to `upto`, but for the ranges `missing` (first, last)."""

    stream: str
    epoch: int
    upto: int
    missing: Sequence[tuple[int, int]] = ()


class Verdict(NamedTuple):
    """What became of a receipt: `ignored` says why not, None where it was taken.

    `again` are the row ids (first, last) to send again where they were sent. Not `known`: of an epoch that is over and
    done with, which is no fault of the centre's.
    """

    ignored: str | None
    again: tuple[tuple[int, int], ...] = ()
    known: bool = True


class OutboxStats(msgspec.Struct, frozen=True):
    """The outbox at a glance, as of its last commit.

    `stored` counts the rows in the file, `appended` those of this run; `confirmed` is the number of this epoch up to
    which the centre has everything. `bytes` is what the file uses of `quota`. While `full`, works wait in memory and
    `cause` says what to do about it. `saved` tells of what was damaged.
    `hours` is how long the room lasts at the present rate while nothing is sent.
    """

    pending: int = 0
    sent: int = 0
    dead: int = 0
    stored: int = 0
    appended: int = 0
    commits: int = 0
    corrupt: int = 0
    confirmed: int = 0
    oldest_pending: float | None = None
    bytes: int = 0
    quota: int = 0
    saved: str | None = None
    hours: float | None = None
    full: bool = False
    cause: str | None = None


class Declare(Protocol):
    """Makes the `loss` message for sequence numbers that are gone. Called in the writer's thread."""

    def __call__(
        self, stream: str, epoch: int, first: int, last: int, *, count: int, reason: LossReason, time: float
    ) -> Draft: ...


class OutboxError(Exception):
    """The outbox cannot be used; the message says why and what to do."""


class OutboxDamaged(OutboxError):
    """The file is no database any more, or one that contradicts itself."""


class OutboxLocked(OutboxError):
    """Another process, or this one, already holds it."""


class OutboxFailed(OutboxError):
    """It could not write, and what it holds in memory is not stored: end the process and open it again."""
