"""Measurements as the data of telemetry messages. Pure.

A message has one `time`, that of its newest point; a point that was measured at another has its own. What a driver
says is taken for hostile: what JSON cannot say is told as bad, text is cut short, and no message grows without end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote

from drivers.observations import Measurement
from gateway.timestamps import rfc3339

LONGEST = 500
"""Characters of any text of a point: five of them, each sign escaped, are far from filling a message."""

_BITS = 1024
"""Of a whole number: as large as the greatest double, and read by every consumer as a number."""

_OWN_TIME = len(',"time":"2026-11-21T17:42:03.950Z"},')


def pages(device: str, measurements: Sequence[Measurement], now: float, limit: int) -> Iterator[str]:
    """The JSON object of each message, of at most `limit` bytes. Stamps that are none, or ahead, are `now`."""
    run: list[tuple[float, str]] = []
    size = 0
    for one in measurements:
        time = one.time if 0.0 <= one.time <= now else now
        point = _point(one)
        if run and size + len(point) + _OWN_TIME > limit:
            yield _page(device, run)
            run, size = [], 0
        run.append((time, point))
        size += len(point) + _OWN_TIME
    if run:
        yield _page(device, run)


def _page(device: str, run: list[tuple[float, str]]) -> str:
    newest = max(time for time, _ in run)
    at = rfc3339(newest)
    points = ",".join(
        f"{point}}}" if time == newest or (own := rfc3339(time)) == at else f'{point},"time":"{own}"}}'
        for time, point in run
    )
    return f'{{"device":{quote(device)},"time":"{at}","points":[{points}]}}'


def _point(one: Measurement) -> str:
    """The point's object without its last brace."""
    value = repr(one.value) if type(one.value) is float and math.isfinite(one.value) else _value(one.value)
    quality, reason = one.quality, one.reason
    if value is None:
        said = repr(one.value) if isinstance(one.value, float) else f"of type {type(one.value).__name__}"
        value, quality, reason = "null", "bad", reason or f"a value that JSON cannot say: {said}"
    uom = "null" if one.uom is None else _word(one.uom)
    why = "" if reason is None else f',"reason":{_text(reason)}'
    exception = "" if one.exception is None else f',"exception":{_text(one.exception)}'
    return f'{{"name":{_word(one.point)},"value":{value},"uom":{uom},"quality":"{quality}"{why}{exception}'


def _value(value: object) -> str | None:
    """As JSON; None for what is neither a number, a text, a truth nor nothing."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() <= _BITS else None
        case float():
            return repr(value) if math.isfinite(value) else None
        case str():
            return _text(value)
    return None


def _text(words: str) -> str:
    return quote(words[:LONGEST].encode("utf-8", "replace").decode())


_word = lru_cache(maxsize=4096)(_text)
"""For names and units, which come again."""
