"""EPCs that are no GS1 keys: GID-96, USDOD-96 and ADI-var (TDS 2.3 sections 14.6.12 to 14.6.14). Pure."""

from __future__ import annotations

from gateway.identity.bits import Reader, Writer, read_six_bit, write_six_bit
from gateway.identity.characters import CAGE, NONE, SIX_BIT, plain, urn_text
from gateway.identity.parsed import Parsed

GID, USDOD, ADI = 0x35, 0x2F, 0x3B

_GID_FIELDS = (28, 24, 36)
_PART = 32
_SERIAL = 30
_SIX = {char: code for code, char in enumerate(SIX_BIT) if char != NONE}
_SPACE = 0b100000
"""Fills a CAGE code's five characters up to six."""


def decode_gid(value: int, size: int) -> Parsed:
    """General Identifier: manager, class, serial."""
    reader = Reader(value, size)
    reader.take(8)
    numbers = ".".join([str(reader.take(bits)) for bits in _GID_FIELDS])
    return Parsed("gid-96", "gid", None, f"urn:epc:id:gid:{numbers}")


def decode_usdod(value: int, size: int) -> Parsed:
    """US Department of Defense: CAGE or DoDAAC in six 8-bit characters, and a serial number."""
    reader = Reader(value, size)
    filtered = reader.take(12) & 15
    code = _cage(reader.take(48).to_bytes(6, "big").decode("latin-1"))
    return Parsed("usdod-96", "usdod", filtered, f"urn:epc:id:usdod:{code}.{reader.take(36)}")


def decode_adi(value: int, size: int) -> Parsed:
    """Aerospace and defence: CAGE or DoDAAC, part number (may be empty), serial number (may begin with #)."""
    reader = Reader(value, size)
    filtered = reader.take(14) & 63
    codes = [reader.take(6) for _ in range(6)]
    code = _cage("".join([" " if each == _SPACE else SIX_BIT[each] for each in codes]))
    part, serial = read_six_bit(reader, _PART), read_six_bit(reader, _SERIAL)
    _check_adi(part, serial)
    return Parsed("adi-var", "adi", filtered, f"urn:epc:id:adi:{code}.{urn_text(part)}.{urn_text(serial)}")


def encode_gid(components: list[str], value: int) -> bytes:
    if len(components) != 3 or value:
        raise ValueError("a GID has three numbers and no filter value")
    writer = Writer()
    writer.put(GID, 8)
    for text, bits in zip(components, _GID_FIELDS, strict=True):
        writer.put(_number(text), bits)
    return writer.words()


def encode_usdod(components: list[str], value: int) -> bytes:
    if len(components) != 2:
        raise ValueError("a USDOD identifier has a CAGE code or DoDAAC and a serial number")
    code = _cage(components[0].rjust(6)).rjust(6)
    writer = Writer()
    writer.put(USDOD, 8)
    writer.put(value, 4)
    writer.put(int.from_bytes(code.encode("ascii"), "big"), 48)
    writer.put(_number(components[1]), 36)
    return writer.words()


def encode_adi(components: list[str], value: int) -> bytes:
    if len(components) != 3:
        raise ValueError("an ADI identifier has a CAGE code or DoDAAC, a part number and a serial number")
    code = _cage(components[0].rjust(6)).rjust(6)
    part, serial = plain(components[1]), plain(components[2])
    _check_adi(part, serial)
    writer = Writer()
    writer.put(ADI, 8)
    writer.put(value, 6)
    for char in code:
        writer.put(_SPACE if char == " " else _SIX[char], 6)
    write_six_bit(writer, part, _PART)
    write_six_bit(writer, serial, _SERIAL)
    return writer.words()


def _cage(code: str) -> str:
    """Six characters of DoDAAC, or five of CAGE behind a space."""
    found = code[1:] if code[0] == " " else code
    if len(code) != 6 or not CAGE.issuperset(found):
        raise ValueError(f"{code!r} is neither a CAGE code nor a DoDAAC")
    return found


def _check_adi(part: str, serial: str) -> None:
    if not serial or "#" in part or "#" in serial[1:] or not _SIX.keys() >= {*part, *serial}:
        raise ValueError("an ADI part number or serial number has a character in the wrong place, or none")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise ValueError(f"{text!r} is no decimal number without leading zeros")
    return int(text)
