"""Advertisements in, observations out: who is a tag of this site, under which name, what of it is told. Pure.

Whoever is of no configured format and on no list is counted, and nothing of it is kept.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection
from fnmatch import translate

import msgspec

from drivers.ble.adverts import Advert, understand
from drivers.ble.condition import Condition
from drivers.ble.frames import LONGEST_NAME, UNNAMED, Format, Frame, Keys, by_address, percent_encoded
from drivers.ble.told import Telling, Told
from drivers.observations import Measurement, Observation, Read

MOST_WAITING = 50_000
"""Observations that wait to be taken; in a flood the oldest go, counted."""

_ADDRESS_RANK, _NAME_RANK = 5, 6
_WEAKEST, _STRONGEST = -126.0, 20.0
"""dBm: receivers say -127 and +127 for "not measured" (Core, volume 4 part E 7.7.65.2)."""


class Rules(msgspec.Struct, frozen=True):
    """Who is a tag of this site. `addresses` and the addresses of `keys` are 12 hex digits in lower case."""

    formats: Collection[Format]
    addresses: Collection[str] = ()
    names: Collection[str] = ()
    keys: Keys = msgspec.field(default_factory=dict)
    telling: Telling = Telling()
    capacity: int = 10_000


class Counts(msgspec.Struct):
    """Advertisements since the start: heard; of strangers; that only their owner can name; against their format.

    `forgotten` tags made room for others, `shed` observations came faster than they were taken.
    """

    heard: int = 0
    strangers: int = 0
    unresolved: int = 0
    malformed: int = 0
    forgotten: int = 0
    shed: int = 0


class _Sender:
    """A tag by its address: what it sent last, and under which name it goes."""

    __slots__ = ("advert", "rank", "told", "value")

    def __init__(self) -> None:
        self.advert: Advert | None = None
        self.rank = UNNAMED
        self.value: bytes | None = None
        self.told = Told()


class Tracker:
    """Bounded: at most `rules.capacity` tags, the one not heard for longest is forgotten."""

    def __init__(self, rules: Rules, condition: Condition) -> None:
        self.counts = Counts()
        self.waiting: list[Observation] = []
        self._rules = rules
        self._condition = condition
        self._names = re.compile("|".join(map(translate, rules.names))) if rules.names else None
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._counted: float | None = None

    def __len__(self) -> int:
        return len(self._senders)

    def hear(self, advert: Advert, antenna: str | None, now: float) -> None:
        """One advertisement, heard at `now`; `antenna` where the device has several. Never raises."""
        self.counts.heard += 1
        sender = self._senders.get(advert.address)
        before = sender.advert if sender is not None else None
        if (
            before is None
            or sender is None
            or advert.manufacturer != before.manufacturer
            or advert.service != before.service
            or advert.name != before.name
        ):
            sender = self._study(advert, sender, now)
            if sender is None:
                return
        else:
            self._senders.move_to_end(advert.address)
        if sender.value is None:
            return
        level = advert.rssi if advert.rssi is not None and _WEAKEST <= advert.rssi <= _STRONGEST else None
        self._put(Read("beacon", sender.value, now, antenna, level, received=now))
        if sender.told.due <= now:
            for point in sender.told.take(now, self._rules.telling):
                name = f"{sender.value.decode()}/{point.name}"
                self._put(Measurement(name, point.value, point.uom, "good", now))

    def count(self, now: float) -> None:
        """Tells the counters, as often as any other measurement that does not change."""
        if self._counted is None:
            self._counted = now
        if now - self._counted >= self._rules.telling.most:
            self._counted = now
            for name, value in msgspec.structs.asdict(self.counts).items():
                self._put(Measurement(f"advertisements_{name}", float(value), "C62", "good", now))

    def take(self) -> list[Observation]:
        """What waits, oldest first; it waits no longer."""
        taken, self.waiting = self.waiting, []
        return taken

    def _put(self, seen: Observation) -> None:
        if len(self.waiting) >= MOST_WAITING:
            shed = MOST_WAITING // 10
            del self.waiting[:shed]
            self.counts.shed += shed
        self.waiting.append(seen)

    def _study(self, advert: Advert, sender: _Sender | None, now: float) -> _Sender | None:
        """A payload not seen before. None: a stranger, of whom nothing is kept."""
        heard = understand(advert, self._rules.formats, self._rules.keys)
        for name, reason, data in heard.broken:
            self.counts.malformed += 1
            self._condition.broken(name, reason, data, advert.address, now)
        listed = self._listed(advert)
        if not heard.frames and listed is None:
            self.counts.strangers += not heard.broken
            return None
        rank, uri = _best(advert, heard.frames, listed)
        if uri is None and sender is None and all(frame.by_address or frame.unresolved for frame in heard.frames):
            self.counts.unresolved += 1
            return None
        if sender is None:
            sender = self._meet(advert.address)
        sender.advert = advert
        if uri is not None and rank <= sender.rank and uri.encode() != sender.value:
            sender.rank, sender.value = rank, uri.encode()
            sender.told.again()
        for frame in heard.frames:
            sender.told.learn(frame.points)
        return sender

    def _listed(self, advert: Advert) -> tuple[int, str] | None:
        if self._rules.addresses and advert.address.replace(":", "").lower() in self._rules.addresses:
            return _ADDRESS_RANK, by_address(advert.address)
        name = advert.name
        if self._names and name and len(name.encode(errors="replace")) <= LONGEST_NAME and self._names.match(name):
            return _NAME_RANK, f"urn:readpoint:ble:name:{percent_encoded(name)}"
        return None

    def _meet(self, address: str) -> _Sender:
        if len(self._senders) >= self._rules.capacity:
            self._senders.popitem(last=False)
            self.counts.forgotten += 1
        sender = self._senders[address] = _Sender()
        return sender


def _best(advert: Advert, frames: tuple[Frame, ...], listed: tuple[int, str] | None) -> tuple[int, str | None]:
    """The name that counts: the payload's, else the address where that is one, else the list's."""
    names = [(frame.rank, frame.uri) for frame in frames if frame.uri is not None]
    if advert.stable and any(frame.by_address for frame in frames):
        names.append((_ADDRESS_RANK, by_address(advert.address)))
    if listed is not None:
        names.append(listed)
    return min(names, default=(UNNAMED, None))
