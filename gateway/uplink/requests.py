"""What the centre may say to a gateway: `ack` and `request`. Pure; whatever arrives, a value or None comes out."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from gateway.outbox.values import Receipt

MAX_BYTES = 8192
"""An `ack` has at most 100 ranges and a `request` one name: more than this is not from our centre."""

_Said = TypeVar("_Said")
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Range = tuple[_Count, _Count]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`{"snapshot": "aisle-a"}` asks for what is present there, `{"state": true}` for the retained state again."""

    snapshot: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,24}$")] | None = None
    state: bool = False


class Ack(msgspec.Struct, frozen=True):
    """All of (`stream`, `epoch`) up to `upto` is stored at the centre, but for the ranges in `missing`."""

    stream: Annotated[str, msgspec.Meta(max_length=64)]
    epoch: _Count
    upto: _Count
    missing: Annotated[list[_Range], msgspec.Meta(max_length=100)] = []

    @property
    def receipt(self) -> Receipt:
        """The same, as the outbox takes it."""
        return Receipt(self.stream, self.epoch, self.upto, self.missing)


_request = msgspec.json.Decoder(Request)
_ack = msgspec.json.Decoder(Ack)


def parse_request(payload: bytes) -> Request | None:
    """The request, or None where it asks for nothing we know."""
    found = _decode(_request, payload)
    return found if found is not None and (found.snapshot is not None or found.state) else None


def parse_ack(payload: bytes) -> Ack | None:
    """The ack, or None where it is none."""
    found = _decode(_ack, payload)
    if found is None or any(first > last for first, last in found.missing):
        return None
    return found


def _decode(decoder: msgspec.json.Decoder[_Said], payload: bytes) -> _Said | None:
    if len(payload) > MAX_BYTES:
        return None
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
