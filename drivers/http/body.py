"""A posted body as lines: JSON lines, a JSON array, a batch with an id; ours, Impinj's or Zebra's. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from drivers.http import impinj, zebra
from drivers.http.impinj import ImpinjEvent
from drivers.http.refusal import Refusal
from drivers.http.zebra import ZebraEvent
from drivers.lines import Line, RecordingError

JSON = ("application/json",)
LINES = ("application/x-ndjson", "application/jsonl", "application/jsonlines", "text/plain")

MOST = 5000
"""Lines of one post: so many events are decided and stored together."""

MAX_DETAIL = 300


class BatchBody(msgspec.Struct, omit_defaults=True):
    """Lines with the id of their batch, for senders that cannot set the header `Idempotency-Key`."""

    lines: list[msgspec.Raw]
    batch: str | None = None


class Numbered(NamedTuple):
    """A line and where it stood: the line of the body, or the place in the array, from 1."""

    number: int
    line: Line


class Body(NamedTuple):
    """What was posted: its lines, how many events of no interest were passed over, and the id it gives itself."""

    lines: list[Numbered]
    ignored: int
    batch: str | None


_ABSENT = msgspec.Raw()


class _Shape(msgspec.Struct):
    """Which members tell the forms apart."""

    event_type: msgspec.Raw = msgspec.field(default=_ABSENT, name="eventType")
    tag_inventory: msgspec.Raw = msgspec.field(default=_ABSENT, name="tagInventoryEvent")
    data: msgspec.Raw = _ABSENT
    lines: msgspec.Raw = _ABSENT


_shape = msgspec.json.Decoder(_Shape).decode
_line = msgspec.json.Decoder(Line).decode
_impinj = msgspec.json.Decoder(ImpinjEvent).decode
_zebra = msgspec.json.Decoder(ZebraEvent).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_batch = msgspec.json.Decoder(BatchBody).decode


def parse(data: bytes, media_type: str) -> Body:
    """Raises `Refusal` with 400 and the line that is to blame, or 415."""
    if media_type in LINES:
        return _body(_split(data), None)
    if media_type not in JSON:
        raise Refusal(415, f"{media_type or 'no Content-Type'}: write {JSON[0]}, or {LINES[0]} for one object a line")
    text = data.strip()
    if text.startswith(b"["):
        return _body(enumerate(_decoded(_array, text, None), start=1), None)
    shape = _decoded(_shape, text, 1)
    if not shape.lines:
        return _body([(1, text)], None)
    batch = _decoded(_batch, text, 1)
    return _body(enumerate(batch.lines, start=1), batch.batch)


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip())


def _body(items: Any, batch: str | None) -> Body:
    found: list[Numbered] = []
    ignored = 0
    for number, item in items:
        if len(found) + ignored >= MOST:
            raise Refusal(413, f"more than {MOST} lines: post smaller batches", line=number)
        try:
            some = _lines(item, number)
        except RecordingError as error:
            raise Refusal(400, str(error), line=number) from None
        ignored += not some
        if len(found) + len(some) > MOST:  # one event of Zebra's may hold any number of tags
            raise Refusal(413, f"more than {MOST} reads: post smaller batches", line=number)
        found += [Numbered(number, line) for line in some]
    return Body(found, ignored, batch)


def _lines(item: bytes | msgspec.Raw, number: int) -> list[Line]:
    text = bytes(item)
    if b'"data"' not in text and b'"eventType"' not in text and b'"tagInventoryEvent"' not in text:
        return [_decoded(_line, text, number)]  # most lines are ours: no second look at these
    shape = _decoded(_shape, text, number)
    if shape.event_type or shape.tag_inventory:
        return impinj.lines(_decoded(_impinj, text, number))
    if shape.data:
        return zebra.lines(_decoded(_zebra, text, number))
    return [_decoded(_line, text, number)]


def _decoded(decode: Any, data: bytes | msgspec.Raw, number: int | None) -> Any:
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}", line=number) from None
    except msgspec.MsgspecError as error:
        raise Refusal(400, _told(str(error)), line=number) from None
    except RecursionError:
        raise Refusal(400, "nested too deeply for a read", line=number) from None


def _told(text: str) -> str:
    if "trailing characters" in text:
        text += f": several objects, one a line, are {LINES[0]}"
    return text if len(text) <= MAX_DETAIL else f"{text[:MAX_DETAIL]}…"
