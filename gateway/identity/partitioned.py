"""EPCs with a company prefix, a partition and a fixed layout: SGTIN-96 to ITIP-212 (TDS 2.3 section 14.6). Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from gateway.identity.bits import Reader, Writer, pack_seven_bit, read_six_bit, seven_bit, write_six_bit
from gateway.identity.characters import NONE, SIX_BIT, link_text, plain, urn_text, with_check_digit
from gateway.identity.parsed import HOST, Parsed

Reference = Literal["padded", "unpadded", "text", "six-bit"]
Tail = Literal["none", "zero", "integer", "digits", "text"]

_COMPANY_BITS = (40, 37, 34, 30, 27, 24, 20)
_GTIN = ((4, 1), (7, 2), (10, 3), (14, 4), (17, 5), (20, 6), (24, 7))
_SSCC = ((18, 5), (21, 6), (24, 7), (28, 8), (31, 9), (34, 10), (38, 11))
_GLN = ((1, 0), (4, 1), (7, 2), (11, 3), (14, 4), (17, 5), (21, 6))
_GRAI = ((4, 0), (7, 1), (10, 2), (14, 3), (17, 4), (20, 5), (24, 6))
_GIAI_96 = ((42, 13), (45, 14), (48, 15), (52, 16), (55, 17), (58, 18), (62, 19))
_GIAI_202 = ((148, 18), (151, 19), (154, 20), (158, 21), (161, 22), (164, 23), (168, 24))
_CPI_96 = ((11, 3), (14, 4), (17, 5), (21, 6), (24, 7), (27, 8), (31, 9))
_CPI_VAR = ((114, 18), (120, 19), (126, 20), (132, 21), (138, 22), (144, 23), (150, 24))


class Partitioned(msgspec.Struct, frozen=True):
    """A coding table. `partitions` holds (bits, digits or characters) of the reference behind the company prefix.

    `ai` is the key's application identifier, `serial_ai` that of its serial where it is not part of the key's value;
    `moved` says that the reference's first digit (indicator, extension) leads the key; `pad` stands before the key.
    `serial_digits` is the most that the serial's application identifier takes (GS1 General Specifications, section 3).
    """

    name: str
    scheme: str
    header: int
    partitions: tuple[tuple[int, int], ...]
    ai: str
    reference: Reference = "padded"
    tail: Tail = "none"
    tail_bits: int = 0
    serial_ai: str | None = None
    moved: bool = False
    pad: str = ""
    pieces: bool = False
    serial_digits: int = 20

    @property
    def fields(self) -> int:
        """Components of the URN, between dots."""
        return 2 + (self.tail not in ("none", "zero")) + 2 * self.pieces


SCHEMES = (
    Partitioned("sgtin-96", "sgtin", 0x30, _GTIN, "01", tail="integer", tail_bits=38, serial_ai="21", moved=True),
    Partitioned("sgtin-198", "sgtin", 0x36, _GTIN, "01", tail="text", tail_bits=140, serial_ai="21", moved=True),
    Partitioned("sscc-96", "sscc", 0x31, _SSCC, "00", tail="zero", tail_bits=24, moved=True),
    Partitioned("sgln-96", "sgln", 0x32, _GLN, "414", tail="integer", tail_bits=41, serial_ai="254"),
    Partitioned("sgln-195", "sgln", 0x39, _GLN, "414", tail="text", tail_bits=140, serial_ai="254"),
    Partitioned("grai-96", "grai", 0x33, _GRAI, "8003", tail="integer", tail_bits=38, pad="0"),
    Partitioned("grai-170", "grai", 0x37, _GRAI, "8003", tail="text", tail_bits=112, pad="0"),
    Partitioned("giai-96", "giai", 0x34, _GIAI_96, "8004", "unpadded"),
    Partitioned("giai-202", "giai", 0x38, _GIAI_202, "8004", "text"),
    Partitioned("gsrn-96", "gsrn", 0x2D, _SSCC, "8018", tail="zero", tail_bits=24),
    Partitioned("gsrnp-96", "gsrnp", 0x2E, _SSCC, "8017", tail="zero", tail_bits=24),
    Partitioned("gdti-96", "gdti", 0x2C, _GLN, "253", tail="integer", tail_bits=41),
    Partitioned("gdti-113", "gdti", 0x3A, _GLN, "253", tail="digits", tail_bits=58),
    Partitioned("gdti-174", "gdti", 0x3E, _GLN, "253", tail="text", tail_bits=119),
    Partitioned("cpi-96", "cpi", 0x3C, _CPI_96, "8010", "unpadded", "integer", 31, "8011"),
    Partitioned("cpi-var", "cpi", 0x3D, _CPI_VAR, "8010", "six-bit", "integer", 40, "8011", serial_digits=12),
    Partitioned("sgcn-96", "sgcn", 0x3F, _GLN, "255", tail="digits", tail_bits=41),
    Partitioned("itip-110", "itip", 0x40, _GTIN, "8006", "padded", "integer", 38, "21", moved=True, pieces=True),
    Partitioned("itip-212", "itip", 0x41, _GTIN, "8006", "padded", "text", 140, "21", moved=True, pieces=True),
)  # fmt: skip
_ROWS = {row.header: row for row in SCHEMES}
_HEADS = {
    row.header: 14 + _COMPANY_BITS[0] + row.partitions[0][0] + 14 * row.pieces
    for row in SCHEMES
    if row.reference == "padded" and row.tail not in ("none", "zero")
}
"""Bits before the serial, of schemes in which they name a class or a place of which there are many."""


def decode(row: Partitioned, value: int, size: int) -> Parsed:
    """The EPC of `size` bits whose header chose this row. ValueError if it breaks the coding table."""
    head = _HEADS.get(row.header)
    if head is None or size < head:
        reader = Reader(value, size)
        number, urn, key = _head(row, reader)
    else:
        left = size - head
        number, urn, key, link = _head_of_many(row.header, value >> left)
        if link is not None and left >= row.tail_bits:
            digits = str((value & (1 << left) - 1) >> left - row.tail_bits)
            return Parsed(row.name, row.scheme, number, f"{urn}.{digits}", link + digits)
        reader = Reader(value & (1 << left) - 1, left)
    serial = _read_tail(row, reader)
    if serial is not None:
        urn += f".{urn_text(serial)}"
    return Parsed(row.name, row.scheme, number, urn, _link(row, key, serial))


@lru_cache(maxsize=512)
def _head_of_many(header: int, head: int) -> tuple[int, str, str, str | None]:
    """What objects have in common that differ by their serial alone: there are few of those, and many of each.

    Behind what `_head` says stands the link up to the serial, where any serial is digits and simply follows it.
    """
    row = _ROWS[header]
    number, urn, key = _head(row, Reader(head, _HEADS[header]))
    simple = row.tail == "integer" and row.ai != "414" and len(str((1 << row.tail_bits) - 1)) <= row.serial_digits
    return number, urn, key, _link(row, key, "") if simple else None


def _head(row: Partitioned, reader: Reader) -> tuple[int, str, str]:
    """All before the serial: the filter value, the URN, and the value of the key's application identifier."""
    first = reader.take(14)
    partition = first & 7
    if partition == 7:
        raise ValueError("there is no partition 7")
    bits, room = row.partitions[partition]
    digits = 12 - partition
    company = reader.take(_COMPANY_BITS[partition])
    if company >= 10**digits:
        raise ValueError("the company prefix has more digits than its partition says")
    prefix = str(company).zfill(digits)
    reference, key = _read_reference(row, reader, bits, room, company, prefix)
    urn = f"urn:epc:id:{row.scheme}:{prefix}.{urn_text(reference)}"
    if row.pieces:
        piece = f"{_two_digits(reader)}.{_two_digits(reader)}"
        urn += f".{piece}"
        key += piece.replace(".", "")
    return first >> 3 & 7, urn, key


def _read_reference(
    row: Partitioned, reader: Reader, bits: int, room: int, company: int, prefix: str
) -> tuple[str, str]:
    """The reference as in the URN, and the value of the key's application identifier without its serial."""
    if row.reference == "text":
        reference = _text(reader.take(bits), bits)
        if len(reference) > room:
            raise ValueError("the reference has more characters than its partition allows")
        return reference, prefix + link_text(reference)
    if row.reference == "six-bit":
        reference = read_six_bit(reader, room)
        if not reference:
            raise ValueError("the component/part reference is empty")
        return reference, prefix + link_text(reference)
    number = reader.take(bits)
    if number >= 10**room:
        raise ValueError("the reference has more digits than its partition says")
    if row.reference == "unpadded":
        return str(number), f"{prefix}{number}"
    return str(number).zfill(room) if room else "", _key(row, prefix, company, number, room)


def _key(row: Partitioned, prefix: str, company: int, number: int, room: int) -> str:
    digits = len(prefix) + room
    if row.moved:
        unit = 10 ** (room - 1)
        lead, rest = divmod(number, unit)
        whole = lead * 10 ** (digits - 1) + company * unit + rest
    else:
        whole = company * 10**room + number
    return row.pad + str(with_check_digit(whole)).zfill(digits + 1)


def _two_digits(reader: Reader) -> str:
    number = reader.take(7)
    if number > 99:
        raise ValueError("piece or total has more than two digits")
    return f"{number:02d}"


def _read_tail(row: Partitioned, reader: Reader) -> str | None:
    if row.tail == "none":
        return None
    value = reader.take(row.tail_bits)
    if row.tail == "integer":
        return _fitting(row, str(value))
    if row.tail == "text":
        return _text(value, row.tail_bits)
    if row.tail == "zero":
        if value:
            raise ValueError("reserved bits are not zero")
        return None
    marked = str(value)
    if marked[0] != "1" or len(marked) < 2 or 2 * 10 ** (len(marked) - 1) >= 1 << row.tail_bits:
        raise ValueError("a numeric string does not begin with its 1")
    return marked[1:]


def _text(value: int, bits: int) -> str:
    """7-bit characters, then zeros to the end (section 14.4.2)."""
    if not value:
        raise ValueError("a text is empty")
    length = -(-(bits - (value & -value).bit_length() + 1) // 7)
    if 7 * length > bits:
        raise ValueError("a text does not end where its field ends")
    return _in_set_82(seven_bit(value >> bits - 7 * length, length))


def _link(row: Partitioned, key: str, serial: str | None) -> str:
    if serial is None:
        return f"{HOST}/{row.ai}/{key}"
    if row.serial_ai is None:
        return f"{HOST}/{row.ai}/{key}{link_text(serial)}"
    if row.ai == "414" and serial == "0":
        # Extension 0 stands for no extension (section 14.6.3).
        return f"{HOST}/414/{key}"
    return f"{HOST}/{row.ai}/{key}/{row.serial_ai}/{link_text(serial)}"


def encode(row: Partitioned, components: list[str], value: int) -> bytes:
    """The URN's components as an EPC with this filter value. ValueError if the row cannot hold them."""
    if len(components) != row.fields:
        raise ValueError(f"an EPC of {row.name} has {row.fields} components between dots")
    prefix, reference = components[0], plain(components[1])
    partition = 12 - len(prefix)
    if not (prefix.isascii() and prefix.isdigit() and 0 <= partition <= 6):
        raise ValueError(f"{prefix!r} is no company prefix of 6 to 12 digits")
    writer = Writer()
    writer.put(row.header, 8)
    writer.put(value, 3)
    writer.put(partition, 3)
    writer.put(int(prefix), _COMPANY_BITS[partition])
    _write_reference(row, writer, reference, *row.partitions[partition])
    if row.pieces:
        for piece in components[2:4]:
            if len(piece) != 2:
                raise ValueError(f"{piece!r} is no piece or total of two digits")
            writer.put(_integer(piece.lstrip("0") or "0"), 7)
    _write_tail(row, writer, plain(components[-1]))
    return writer.words()


def _write_reference(row: Partitioned, writer: Writer, reference: str, bits: int, room: int) -> None:
    if row.reference == "text":
        if not 1 <= len(reference) <= room:
            raise ValueError(f"{reference!r} is not of 1 to {room} characters")
        _write_text(writer, reference, bits)
    elif row.reference == "six-bit":
        if not reference:
            raise ValueError("the component/part reference is empty")
        if not set(reference) <= set(SIX_BIT) - {NONE}:
            raise ValueError(f"{reference!r} holds a character that no component/part reference has")
        write_six_bit(writer, reference, room)
    elif row.reference == "unpadded":
        number = _integer(reference)
        if number >= 10**room:
            raise ValueError(f"{reference!r} has more than {room} digits")
        writer.put(number, bits)
    else:
        if len(reference) != room:
            raise ValueError(f"{reference!r} is not of {room} digits")
        writer.put(_integer(reference.lstrip("0") or "0"), bits)


def _write_tail(row: Partitioned, writer: Writer, serial: str) -> None:
    if row.tail == "zero":
        writer.put(0, row.tail_bits)
    elif row.tail == "integer":
        writer.put(_integer(_fitting(row, serial)), row.tail_bits)
    elif row.tail == "text":
        _write_text(writer, serial, row.tail_bits)
    elif row.tail == "digits":
        if not serial or 2 * 10 ** len(serial) >= 1 << row.tail_bits:
            raise ValueError(f"{serial!r} has no digits, or too many for {row.name}")
        _integer(serial.lstrip("0") or "0")
        writer.put(int("1" + serial), row.tail_bits)


def _write_text(writer: Writer, text: str, bits: int) -> None:
    value, size = pack_seven_bit(_in_set_82(text))
    if not 0 < size <= bits:
        raise ValueError(f"{text!r} is not of 1 to {bits // 7} characters")
    writer.put(value << bits - size, bits)


def _fitting(row: Partitioned, serial: str) -> str:
    if len(serial) > row.serial_digits:
        raise ValueError(f"serial {serial} has more than {row.serial_digits} digits")
    return serial


def _in_set_82(text: str) -> str:
    if "#" in text:
        raise ValueError("'#' is outside set 82")
    return text


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise ValueError(f"{text!r} is no decimal number without leading zeros")
    return int(text)
