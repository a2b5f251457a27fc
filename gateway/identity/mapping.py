"""The identity map: what was read → the GS1 id it stands for. Pure.

Up to a million rows in some 30 bytes each, without an object a row: an open-addressed table over hashes of 64 bits,
keyed anew in each process. Two identifiers are taken for one with a probability of 1 to 10^13 for each that is looked
up, so that their texts need not be kept. It is filled row by row and has no long step: in a thread, it holds up nobody.
"""

from __future__ import annotations

import re
from array import array

from drivers.observations import Read
from gateway.identity.epc import decode
from gateway.identity.named import named
from gateway.identity.resolve import identify
from gateway.model import Detailed, Identity

MAX_ROWS = 1_000_000

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_HEADS = 0xFFFF
"""Beginnings that ids share, as `urn:epc:id:giai:9521141.`: kept once each, up to so many."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{4}){6,}")
_RAW = re.compile(r"urn:epc:raw:(\d+)\.(x[0-9A-Fa-f]{2}\.)?x([0-9A-Fa-f]*)")
_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_BEACON = re.compile(r"urn:readpoint:(?:ibeacon|eddystone|ble):[A-Za-z0-9._:%-]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
_BEACONS = frozenset(("ibeacon", "eddystone", "ble"))
_CASED = re.compile(r"urn:readpoint:(?:eddystone:url|ble:name|ble:kontakt):")
"""Beacons whose names differ by case; of the others the name is hexadecimal."""

_PLAIN = r"[0-9A-Za-z!'()*+,.:;=_-]"
"""Characters of set 82 that a URN does not escape."""
_SURE = re.compile(
    rf"urn:epc:id:(?:sgtin:\d{{6,12}}\.\d+\.(?<=sgtin:.{{15}}){_PLAIN}{{1,20}}|sscc:(?=[\d.]{{18}}$)\d{{6,12}}\.\d+"
    rf"|grai:\d{{6,12}}\.\d*\.(?<=grai:.{{14}}){_PLAIN}{{1,16}}|giai:\d{{6,12}}\.{_PLAIN}{{1,18}})",
    re.ASCII,
).fullmatch
"""Ids that are right at first sight: most of a million are, and need not be coded and decoded to know it."""


class Conflict(ValueError):
    """One identifier with two ids."""


def key(identity: Identity) -> str:
    """What rows are found by: the same however the object was read, and in whichever case its hex is."""
    link = identity.digital_link
    if link is not None:
        return link
    return _beacon(identity.uri) if identity.scheme in _BEACONS else identity.uri


def _beacon(uri: str) -> str:
    return uri if _CASED.match(uri) else uri.lower()


def source(text: str) -> str:
    """The key of an identifier as a person writes it. ValueError if it is none.

    EPC memory in hex (96 bits or more), an EPC URN or raw URI, a Digital Link, a beacon's URI or address; everything
    else is what a scanner sent.
    """
    if not text:
        raise ValueError("the identifier is empty")
    if _HEX.fullmatch(text):
        return key(decode(bytes.fromhex(text)))
    if text.startswith("urn:epc:"):
        return _raw(text) if text.startswith("urn:epc:raw:") else key(named(text))
    if text[:14].lower() == "urn:readpoint:":
        return _own(text)
    if _ADDRESS.fullmatch(text):
        return f"urn:readpoint:ble:{text.replace(':', '').lower()}"
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r}: a spreadsheet took the identifier for a number: format its column as text")
    if text.startswith(("https://", "http://")):
        try:
            return key(named(text))
        except ValueError:
            pass  # a QR code may hold any address
    return key(identify(Read("code", text.encode(), 0.0)))


def _raw(text: str) -> str:
    found = _RAW.fullmatch(text)
    if not found or int(found[1][:6]) != 4 * len(found[3]) or len(found[3]) % 4:
        raise ValueError(f"{text!r} is no EPC raw URI: as in urn:epc:raw:96.xE2806894000050061C5A1234")
    bits, afi, value = found.groups()
    if afi:
        return f"urn:epc:raw:{bits}.x{afi[1:].upper()}x{value.upper()}"
    return key(decode(bytes.fromhex(value)))


def _own(text: str) -> str:
    if _BEACON.fullmatch(text):
        return _beacon(text)
    if text.startswith("urn:readpoint:code:"):
        return text
    raise ValueError(f"{text!r} is none of readpoint's identifiers: they begin with urn:readpoint:ibeacon:, …:code:")


class IdentityMap:
    """Rows by key. Filled by `add` alone, before others see it. `digest` says which file it was."""

    __slots__ = ("_ends", "_heads", "_keys", "_lines", "_numbers", "_slots", "_tails", "_which", "digest")

    def __init__(self, digest: str = "") -> None:
        self.digest = digest
        self._slots = array("I", bytes(4 * 1024))
        self._keys = array("Q")
        self._ends = array("I", [0])
        self._which = array("H")
        self._tails = bytearray()
        self._heads: list[str] = [""]
        self._numbers: dict[str, int] = {}
        self._lines: array[int] | None = array("I")

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def size(self) -> int:
        """Bytes it takes."""
        arrays = (self._slots, self._keys, self._ends, self._which, self._lines or ())
        return sum(map(_bytes, arrays)) + len(self._tails) + sum(80 + len(head) for head in self._heads)

    def add(self, line: int, identifier: str, gs1_id: str) -> None:
        """Take the row in `line` of the file. ValueError if it is wrong, `Conflict` if another row says otherwise."""
        if not _SURE(gs1_id):
            named(gs1_id)
        assert self._lines is not None
        hashed = hash(source(identifier)) & _MASK
        slot = self._slot(hashed)
        row = self._slots[slot] - 1
        if row >= 0:
            self._same(row, identifier, gs1_id)
            return
        if len(self._keys) >= MAX_ROWS:
            raise OverflowError
        self._slots[slot] = len(self._keys) + 1
        self._keys.append(hashed)
        self._lines.append(line)
        self._append(gs1_id)
        if 3 * len(self._keys) > 2 * len(self._slots):
            self._grow()

    def seal(self) -> None:
        """No more rows come: forget what only they need."""
        self._lines = None
        self._numbers.clear()

    def name(self, key: str) -> str | None:
        """The GS1 id that a row gives to what has this `key`."""
        row = self._slots[self._slot(hash(key) & _MASK)] - 1
        return self._text(row) if row >= 0 else None

    def find(self, identity: Identity) -> Identity | None:
        """The identity it stands for, what was read in `raw`; None where no row names another."""
        row = self._slots[self._slot(hash(key(identity)) & _MASK)] - 1
        if row < 0:
            return None
        other = named(self._text(row))
        if other.uri == identity.uri:
            return None
        more = identity if isinstance(identity, Detailed) else None
        return Detailed(
            other.uri,
            other.scheme,
            other.kind,
            other.digital_link,
            raw=identity.uri,
            scan=more.scan if more else None,
            quantity=more.quantity if more and other.kind == "class" else 1.0,
            uom=more.uom if more and other.kind == "class" else None,
        )

    def _slot(self, hashed: int) -> int:
        """Where the key stands, or would."""
        slots, keys = self._slots, self._keys
        mask = len(slots) - 1
        slot = hashed & mask
        while (row := slots[slot]) and keys[row - 1] != hashed:
            slot = slot + 1 & mask
        return slot

    def _same(self, row: int, identifier: str, gs1_id: str) -> None:
        before = self._text(row)
        if before == gs1_id or key(named(before)) == key(named(gs1_id)):
            return
        assert self._lines is not None
        raise Conflict(f"{identifier!r} stands in line {self._lines[row]} already, as {before}: remove one of them")

    def _append(self, gs1_id: str) -> None:
        cut = max(gs1_id.rfind("."), gs1_id.rfind("/")) + 1
        head = gs1_id[:cut]
        number = self._numbers.get(head)
        if number is None:
            if len(self._heads) < _HEADS:
                number = self._numbers[head] = len(self._heads)
                self._heads.append(head)
            else:
                number, cut = 0, 0
        self._which.append(number)
        self._tails += gs1_id[cut:].encode()
        self._ends.append(len(self._tails))

    def _text(self, row: int) -> str:
        return self._heads[self._which[row]] + self._tails[self._ends[row] : self._ends[row + 1]].decode()

    def _grow(self) -> None:
        slots = array("I", bytes(8 * len(self._slots)))
        mask = len(slots) - 1
        for number, hashed in enumerate(self._keys, 1):
            slot = hashed & mask
            while slots[slot]:
                slot = slot + 1 & mask
            slots[slot] = number
        self._slots = slots


def _bytes(values: array[int] | tuple[()]) -> int:
    return values.buffer_info()[1] * values.itemsize if isinstance(values, array) else 0
