"""What a running segment remembers of one object: answered in slices, so that nobody who asks holds up a decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import msgspec

from drivers.lines import format_line
from drivers.observations import Read
from gateway.explain.material import Learned, Material, before
from gateway.explain.subject import Known, Subject, spelled
from gateway.history import Entry, History, Name
from gateway.identity.mapping import IdentityMap
from gateway.identity.resolve import Resolver
from gateway.location.engine import Engine
from gateway.model import Identity, Present, Rules, Transition

OTHERS = 2000
"""Others that are named where the object was not met: those read most."""

_TOLD_APART = 10_000
"""Identifiers that are told apart in one answer."""

_LONGEST = 4096
"""Characters of a name that is asked for."""


class Memory(msgspec.Struct, eq=False):
    """What there is to look into, by one at a time (`turn`). `timezone` is the site's."""

    history: History
    engine: Engine
    rules: Rules
    identities: IdentityMap | None
    timezone: str
    turn: asyncio.Lock
    clock: Callable[[], float] = time.time


class _Search:
    """Who of all that was read is meant."""

    def __init__(self, memory: Memory, subject: Subject) -> None:
        self.identity: Identity | None = None
        self.others: dict[Name, Known] = {}
        self._subject = subject
        self._mine: dict[Name, bool] = {}
        rename = None if memory.identities is None else memory.identities.find
        self._resolve = Resolver(2, rename).resolve

    def mine(self, names: list[Name]) -> set[int]:
        """The numbers of those that are meant."""
        return {number for number, name in enumerate(names) if self._is_mine(name)}

    def _is_mine(self, name: Name) -> bool:
        mine = self._mine.get(name)
        if mine is None:
            read = name.read()
            identity = self._resolve(read)
            mine = self._subject.matches(identity, read)
            if mine:
                self.identity = identity
            elif len(self.others) < _TOLD_APART:
                self.others[name] = Known(identity.uri, spelled(read), 0, 0.0, "", None)
            if len(self._mine) < _TOLD_APART:
                self._mine[name] = mine
        return mine

    def count(self, names: list[Name], counted: dict[int, tuple[int, Entry]]) -> None:
        """How often others were read, and when last."""
        for number, (reads, last) in counted.items():
            other = self.others.get(names[number])
            if other is not None:
                other.reads += reads
                other.last, other.device, other.antenna = last.time, last.device, last.antenna


async def recalled(memory: Memory, text: str) -> AsyncGenerator[bytes, None]:
    """A `Material` in one line, then what the devices said and what was read of the object, as recording lines.

    ValueError for what nobody can be called.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise ValueError("name an EPC in hex, a URN, a Digital Link, a beacon's URI or a scanned code")
    history, search = memory.history, _Search(memory, Subject(text))
    async with memory.turn:
        chunks = history.chunks()
        for chunk in chunks:
            names = history.names(chunk)
            search.mine(names)
            await asyncio.sleep(0)
            search.count(names, history.counted(chunk))
            await asyncio.sleep(0)
        identity = search.identity or _known(memory, Subject(text))
        first = msgspec.json.encode(_material(memory, identity, search, max(one.every for one in chunks))) + b"\n"
        search.others.clear()
    yield first
    if identity is None:
        return
    for said in history.said():
        yield format_line(said.device, said.observation, said.received).encode() + b"\n"
    for chunk in chunks:
        names = history.names(chunk)
        yield b"".join(
            format_line(one.device, names[one.name].read(one)).encode() + b"\n"
            for one in history.entries(chunk, search.mine(names))
        )
        await asyncio.sleep(0)


def _known(memory: Memory, subject: Subject) -> Identity | None:
    """Who is present, or had a decision, without a read that is remembered."""
    for name in subject.names:
        present, *_ = memory.engine.weighed(name)
        if present is not None:
            return present.object
    nothing = Read("epc", b"", 0.0)
    return next((one.object for one in reversed(memory.history.told) if subject.matches(one.object, nothing)), None)


def _material(memory: Memory, identity: Identity | None, search: _Search, every: int) -> Material:
    history, engine = memory.history, memory.engine
    told: list[Transition] = []
    placed: Present | None = None
    patience = 0.0
    if identity is not None:
        told = [one for one in history.told if one.object.uri == identity.uri]
        now, _, patience = engine.weighed(identity.uri)
        zone = before(now, told)
        since = now.since if now is not None and not told else history.since or 0.0
        placed = None if zone is None else Present(identity, zone, since, since, "zone")
    others = sorted(search.others.values(), key=lambda one: (-one.reads, one.uri))
    return Material(
        time=memory.clock(),
        since=history.since,
        every=every,
        timezone=memory.timezone,
        rules=memory.rules,
        learned=tuple(Learned(device, antenna, offset) for (device, antenna), offset in engine.learned().items()),
        identity=identity,
        placed=placed,
        patience=patience,
        told=tuple(told),
        others=() if identity is not None else tuple(others[:OTHERS]),
    )
