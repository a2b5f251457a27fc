"""Rows → publications: what travels in one PUBLISH. Pure.

Events of one topic travel together as a CloudEvents JSON batch (CloudEvents 1.0, JSON format, section 4); a lone event
is a single structured-mode object. A stored payload is never rewritten: `historical` is spliced in on the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from gateway.messages import MAX_PAYLOAD
from gateway.outbox.values import Lane, Row

LATE = 5.0
"""Seconds after which an event that is sent counts as historical."""

MANY = 1 << 30
"""More rows than any publication has."""

EVENT_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"

_MARK = b'{"historical":true,'

_TOPIC = attrgetter("channel", "name")
_STORED = attrgetter("stored")
_PAYLOAD = attrgetter("payload")


class Publication(msgspec.Struct, frozen=True, gc=False):
    """Rows of one topic in sequence order, claimed from one lane, that stand or fall with one PUBACK."""

    lane: Lane
    channel: str
    name: str | None
    rows: tuple[Row, ...]
    attempts: int = 0
    repeated: bool = False
    """Sent before, and asked for again: history however young."""

    @property
    def rowids(self) -> list[int]:
        return [row.rowid for row in self.rows]

    @property
    def content_type(self) -> str:
        return EVENT_TYPE if len(self.rows) == 1 else BATCH_TYPE

    def payload(self, now: float) -> bytes:
        """The bytes to publish at `now` (Unix seconds)."""
        if self.repeated or now - min(map(_STORED, self.rows)) > LATE:
            events = [
                _marked(row.payload) if self.repeated or now - row.stored > LATE else row.payload for row in self.rows
            ]
        else:
            events = [*map(_PAYLOAD, self.rows)]
        return events[0] if len(events) == 1 else b"[" + b",".join(events) + b"]"


def group(
    rows: Sequence[Row], lane: Lane, *, limit: int = MAX_PAYLOAD, batch: bool = True, most: int = MANY
) -> list[Publication]:
    """Publications of at most `limit` bytes and `most` rows, one topic each; an event too large travels alone, whole.

    Sizes count the mark of a historical event whether it is needed or not: it may be by the time of a retry.
    """
    if not batch:
        return [Publication(lane, row.channel, row.name, (row,)) for row in rows]
    filled: list[list[Row]] = []
    current: dict[tuple[str, str | None], tuple[list[Row], int]] = {}
    for topic, run in groupby(rows, _TOPIC):
        members, used = current.get(topic, ([], 0))
        for row in run:
            size = len(row.payload) + len(_MARK)  # the mark replaces one brace; the spare byte is the comma
            if not members or used + size > limit or len(members) >= most:
                members, used = [], 2
                filled.append(members)
            members.append(row)
            used += size
        current[topic] = (members, used)
    return [Publication(lane, members[0].channel, members[0].name, tuple(members)) for members in filled]


def halves(publication: Publication) -> tuple[Publication, Publication]:
    """The two halves of a publication of several rows."""
    middle = len(publication.rows) // 2
    parts = publication.rows[:middle], publication.rows[middle:]
    one, two = (msgspec.structs.replace(publication, rows=rows, attempts=0) for rows in parts)
    return one, two


def rowids(publications: Iterable[Publication]) -> list[int]:
    """The rows of all of them."""
    return [row.rowid for publication in publications for row in publication.rows]


def _marked(payload: bytes) -> bytes:
    return _MARK + payload[1:]
