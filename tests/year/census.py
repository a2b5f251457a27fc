"""Everything that can grow, counted: memory, files, tables, and each container that an object of ours holds."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sqlite3
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from gateway import history, ids
from gateway.identity import orphans
from gateway.location import memory
from gateway.outbox import recent
from gateway.outbox.database import FILE
from gateway.segment import IDENTITIES

OURS = ("gateway", "drivers", "prometheus_client", "structlog")
_CONTAINERS = (dict, list, set, deque, bytearray)
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes of memory (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def files(folder: Path) -> Counter[str]:
    """Bytes by name; of what was set aside, how many files."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            aside = "quarantine" in path.parts
            found["set aside" if aside else path.name] += 1 if aside else path.stat().st_size
    return found


def tables(folder: Path) -> dict[str, int]:
    """Rows of every table of a stopped gateway's outbox."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def containers() -> Counter[str]:
    """Lengths, by class and attribute; of modules by name; of caches by function; and what the process holds."""
    gc.collect()
    found: Counter[str] = Counter()
    objects = gc.get_objects()
    found["all objects"] = len(objects)
    for one in objects:
        if isinstance(one, functools._lru_cache_wrapper):
            if one.cache_info().maxsize is None:
                found[f"cache {getattr(one, '__wrapped__', one)!r}".partition(" at ")[0]] += one.cache_info().currsize
        elif _ours(type(one).__module__):
            for name, size in _held(_attributes(one)):
                found[f"{type(one).__module__}.{type(one).__name__}.{name}"] += size
    for module in filter(_ours, list(sys.modules)):
        for name, size in _held(list(vars(sys.modules[module]).items())):
            found[f"{module}:{name}"] = size
    found["tasks"] = len(asyncio.all_tasks())
    found["threads"] = threading.active_count()
    found["descriptors"] = len(list(Path("/proc/self/fd").iterdir()))
    return found


def _ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def _held(attributes: Iterable[tuple[str, object]]) -> Iterator[tuple[str, int]]:
    """The containers among them, and how much is in each; not those that have an end by themselves."""
    for name, held in attributes:
        if isinstance(held, asyncio.Queue):
            yield name, held.qsize()
        elif isinstance(held, _CONTAINERS) and getattr(held, "maxlen", None) is None:
            yield name, len(held)


def _attributes(one: object) -> Iterator[tuple[str, object]]:
    held = getattr(one, "__dict__", None)
    if isinstance(held, Mapping):
        yield from list(held.items())
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield name, getattr(one, name)


class Series:
    """The most that figures were in the first month that counts, and in the last. It keeps no more: it is counted, too.

    The first month counts nothing; half of a short run is its first month.
    """

    def __init__(self, days: int, caps: Mapping[str, float] | None = None) -> None:
        self._caps = {**CAPS, **(caps or {})}
        begin = 30 if days >= 120 else days // 2
        width = min(60, (days - begin) // 2)
        self._early, self._late = range(begin, begin + width), range(days - width, days)
        self._most: dict[str, list[float]] = {}

    def note(self, day: int, kind: str, figures: Mapping[str, float]) -> None:
        for at, days in enumerate((self._early, self._late)):
            if day in days:
                for name, value in figures.items():
                    most = self._most.setdefault(f"{kind} {name}", [0.0, 0.0])
                    most[at] = max(most[at], value)

    def growing(self) -> dict[str, tuple[float, float]]:
        """What is larger at the end than it was: (then, at the end), by name. What appears later was 0."""
        found = {}
        for name, (early, late) in self._most.items():
            kind, _, what = name.partition(" ")
            if late > max(early * _SHARE + _SLACK[kind], self._caps.get(what, 0)):
                found[name] = early, late
        return found

    def resident(self) -> list[float]:
        """Bytes of memory, then and at the end."""
        return self._most["memory resident"]


CAPS = {
    "gateway.history.History._names": history._CHUNK,
    "gateway.history.History._open": 2 * history._CHUNK * history._RECORD.size,
    "gateway.history.History._written": 2 * history._NAMES,
    "gateway.history.History._chunks": history.ROOM // 200,
    "gateway.identity.orphans.Orphans._known": orphans.MOST,
    "gateway.ids.Ids._pool": 4 * ids._WORDS.size // 8,
    "gateway.identity.resolve.Resolver._old": IDENTITIES // 2,
    "gateway.identity.resolve.Resolver._young": IDENTITIES // 2,
    "gateway.location.memory.Memory._departed": memory._REMEMBERED,
    "gateway.outbox.recent.Recent._rows": recent.MOST,
}
"""What may fill up slowly, to where docs/limits.md says that it ends."""

_SHARE = 1.05
_SLACK = {"memory": 2 * 2**20, "file": 2**20, "table": 20, "container": 60}
"""What says nothing: a connection that is just being made; an hour after a real broker in which rows went later."""
