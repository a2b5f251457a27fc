"""What the command line may ask a running segment: one JSON object a connection, answered by JSON lines.

A request is one of these, tagged by `verb`. The answer is any number of lines, or one line `{"error": "…"}`.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

MAX_REQUEST = 2**20
"""Bytes of one request, its line end included."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What a row or an event may have: SQLite's integers go no further."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=100_000)]

RowState = Literal["pending", "sent", "confirmed", "dead"]
STATES: tuple[RowState, ...] = get_args(RowState)

Reason = Literal["incorrect_data", "did_not_occur"]
"""Of an error declaration: CBV 2.0 section 7.5."""
REASONS: tuple[Reason, ...] = get_args(Reason)

TailChannel = Literal["epcis", "telemetry", "health", "loss"]
"""The channels whose events are stored."""
CHANNELS: tuple[TailChannel, ...] = get_args(TailChannel)


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="verb"):
    """Any request."""


class Status(Ask, frozen=True, tag="status"):
    """How the segment is: one line, an `Overview`."""


class Tail(Ask, frozen=True, tag="tail"):
    """Every event as it is stored, until the asker goes away. `channel` narrows it."""

    channel: TailChannel | None = None


class Record(Ask, frozen=True, tag="record"):
    """Every read, signal and state as it arrives, as recording lines, for so many `seconds`. `device` narrows it."""

    device: str | None = None
    seconds: float | None = None


class Explain(Ask, frozen=True, tag="explain"):
    """Why an object is where it is, however `subject` names it: one line, a `Material`; then recording lines."""

    subject: str


class Orphans(Ask, frozen=True, tag="orphans"):
    """Identifiers without a GS1 id, the latest first: an `Orphan` a line."""

    limit: Limit = 1000


class Standing(Ask, frozen=True, tag="standing"):
    """What is in the zones: one line, a `counting.Standing`, then a `counting.Page` a line."""


class Names(Ask, frozen=True, tag="names"):
    """The GS1 ids that the identity map gives to what has these keys: one line, a list with null where it has none."""

    keys: tuple[str, ...]


class OutboxList(Ask, frozen=True, tag="outbox.list"):
    """Rows of the outbox in a state, oldest first, after row `after`; with a `reason`, in that state `since` then."""

    state: RowState | None = None
    after: Number = 0
    limit: Limit = 100
    reason: str | None = None
    since: float | None = None


class OutboxShow(Ask, frozen=True, tag="outbox.show"):
    """The payload of one event, by its id or by `epoch` and `sequence`."""

    id: str | None = None
    epoch: Number | None = None
    sequence: Number | None = None


class OutboxResend(Ask, frozen=True, tag="outbox.resend"):
    """Dead rows become pending again, with their ids. Changes."""

    reason: str | None = None
    since: float | None = None
    dry_run: bool = False


ShortName = Annotated[str, msgspec.Meta(max_length=64)]


class Correct(Ask, frozen=True, tag="correct"):
    """What a device said of `since` <= eventTime < `until` (Unix seconds) is taken back. Changes.

    A line for each event, then one with what was done.
    """

    device: str
    since: float
    until: float
    reason: Reason = "incorrect_data"
    dry_run: bool = False
    antennas: Annotated[tuple[ShortName, ...], msgspec.Meta(max_length=64)] | msgspec.UnsetType = msgspec.UNSET
    """Only events that these antennas of the device had a part in; all where none is named."""


AnyOutboxAsk = OutboxList | OutboxShow | OutboxResend | Correct
AnyAsk = Status | Tail | Record | Explain | Orphans | Standing | Names | AnyOutboxAsk

CHANGES: tuple[type[Ask], ...] = (OutboxResend, Correct)
"""Requests that change something."""

_decoder = msgspec.json.Decoder(AnyAsk)


def parse(line: bytes) -> AnyAsk:
    """ValueError, with a sentence for who asked, if it is none of them."""
    try:
        asked: AnyAsk = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"request not understood: {error}") from None
    return asked


def error_line(text: str) -> bytes:
    """The answer to what cannot be answered."""
    return msgspec.json.encode({"error": text}) + b"\n"
