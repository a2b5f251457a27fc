"""Fields of EPCs, bit by bit: the encoding methods of TDS 2.3 sections 14.3 and 14.5. Pure.

All raise ValueError for what cannot be: too few bits, characters outside the set, lengths beyond the limit.
"""

from __future__ import annotations

from gateway.identity.characters import BASE_64, CODE_40, NONE, SET_39, SET_82, SIX_BIT

INTEGER_BITS = tuple((10**digits - 1).bit_length() for digits in range(32))
"""Bits for a numeric string of so many digits: ceiling(digits * log2(10)) (section 14.5.6.1)."""

_UPPER_HEX = frozenset("0123456789ABCDEF")
_LOWER_HEX = frozenset("0123456789abcdef")
_SET_64 = frozenset(BASE_64)
_SET_40 = frozenset(CODE_40[1:])
_SET_7_BIT = SET_82 | SET_39
_7_BIT = "".join(_SET_7_BIT).encode()
_EIGHT = (1 << 56) - 1


class Reader:
    """Takes bits from the left of a number of `size` bits."""

    __slots__ = ("_left", "_value")

    def __init__(self, value: int, size: int) -> None:
        self._value = value
        self._left = size

    def take(self, bits: int) -> int:
        left = self._left - bits
        if left < 0:
            raise ValueError("the EPC ends inside a field")
        self._left = left
        return self._value >> left & (1 << bits) - 1


class Writer:
    """Puts bits behind each other."""

    __slots__ = ("_size", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._size = 0

    def put(self, value: int, bits: int) -> None:
        if value < 0 or value >> bits:
            raise ValueError(f"{value} does not fit in {bits} bits")
        self._value = self._value << bits | value
        self._size += bits

    def words(self) -> bytes:
        """All bits, filled up with zeros to whole 16-bit words (section 15.1.1)."""
        size = -(-self._size // 16) * 16
        return (self._value << size - self._size).to_bytes(size // 8, "big")


def read_digits(reader: Reader, digits: int) -> str:
    """Fixed-length numeric, 4 bits a digit (section 14.5.4)."""
    text = f"{reader.take(4 * digits):0{digits}x}"
    if not text.isdigit():
        raise ValueError(f"{text!r} is not numeric")
    return text


def write_digits(writer: Writer, text: str) -> None:
    writer.put(int(_numeric(text), 16), 4 * len(text))


def read_delimited(reader: Reader, limit: int) -> str:
    """Delimited/terminated numeric: digits, then F, or E and the rest as text (section 14.5.5)."""
    digits = ""
    while (nibble := reader.take(4)) < 10:
        digits += str(nibble)
        if len(digits) > limit:
            raise ValueError("more digits than the key may have")
    if not digits or nibble < 0xE:
        raise ValueError(f"nibble {nibble:X} is neither a digit nor an end")
    if nibble == 0xF:
        return digits
    rest = read_text(reader, limit - len(digits))
    if rest[0].isdigit():
        raise ValueError("a digit stands behind the delimiter")
    return digits + rest


def write_delimited(writer: Writer, text: str, limit: int) -> None:
    rest = text.lstrip("0123456789")
    digits = text[: len(text) - len(rest)]
    if not digits:
        raise ValueError(f"{text!r} does not begin with a company prefix")
    write_digits(writer, digits)
    if rest:
        writer.put(0xE, 4)
        write_text(writer, rest, limit - len(digits))
    else:
        _length(text, limit)
        writer.put(0xF, 4)


def read_number(reader: Reader, limit: int) -> str:
    """Variable-length numeric string without encoding indicator, 4 bits of length (section 14.5.13)."""
    return _integer(reader, _length_in(reader.take(4), limit))


def write_number(writer: Writer, text: str, limit: int) -> None:
    writer.put(_length(text, limit), 4)
    writer.put(int(_numeric(text)), INTEGER_BITS[len(text)])


def read_text(reader: Reader, limit: int) -> str:
    """Variable-length alphanumeric: 3 bits say how, 5 how long (section 14.5.6)."""
    method = reader.take(3)
    length = _length_in(reader.take(5), limit)
    if method == 0:
        return _integer(reader, length)
    if method == 1:
        return f"{reader.take(4 * length):0{length}X}"
    if method == 2:
        return f"{reader.take(4 * length):0{length}x}"
    if method == 3:
        value = reader.take(6 * length)
        return "".join([BASE_64[value >> at & 63] for at in range(6 * length - 6, -1, -6)])
    if method == 4:
        return seven_bit(reader.take(7 * length), length)
    if method == 5:
        return read_code_40(reader, length)
    raise ValueError(f"encoding indicator {method} is reserved")


def write_text(writer: Writer, text: str, limit: int) -> None:
    """By the method that takes the fewest bits (section 14.5.6, figure 14-5)."""
    length = _length(text, limit)
    used = frozenset(text)
    if text.isdigit():
        _indicate(writer, 0, length)
        writer.put(int(text), INTEGER_BITS[length])
    elif used <= _UPPER_HEX or used <= _LOWER_HEX:
        _indicate(writer, 1 if used <= _UPPER_HEX else 2, length)
        writer.put(int(text, 16), 4 * length)
    elif used <= _SET_40 and (not used <= _SET_64 or -(-length // 3) * 16 < 6 * length):
        _indicate(writer, 5, length)
        write_code_40(writer, text)
    elif used <= _SET_64:
        _indicate(writer, 3, length)
        for char in text:
            writer.put(BASE_64.index(char), 6)
    else:
        _indicate(writer, 4, length)
        writer.put(*pack_seven_bit(text))


def seven_bit(value: int, length: int) -> str:
    """`length` characters of 7 bits (tables A-1 and 14-9). Which of the two sets may stand there, the caller knows."""
    fill = -length % 8
    value <<= 7 * fill
    data = b"".join([_spread(value >> at & _EIGHT) for at in range(7 * (length + fill - 8), -1, -56)])[:length]
    if data.translate(None, _7_BIT):
        raise ValueError("a character is outside sets 82 and 39")
    return data.decode("ascii")


def _spread(eight: int) -> bytes:
    """Eight 7-bit characters as eight bytes: halves, quarters, eighths move apart, all of a kind in one step."""
    eight = (eight & 0xFFFFFFF0000000) << 4 | eight & 0xFFFFFFF
    eight = (eight & 0x0FFFC0000FFFC000) << 2 | eight & 0x00003FFF00003FFF
    eight = (eight & 0x3F803F803F803F80) << 1 | eight & 0x007F007F007F007F
    return eight.to_bytes(8, "big")


def pack_seven_bit(text: str) -> tuple[int, int]:
    """(value, bits) of the text at 7 bits a character."""
    value = 0
    for char in text:
        if char not in _SET_7_BIT:
            raise ValueError(f"{char!r} is outside sets 82 and 39")
        value = value << 7 | ord(char)
    return value, 7 * len(text)


def read_six_bit(reader: Reader, limit: int) -> str:
    """6-bit characters up to a zero (section 14.3.8)."""
    text = ""
    while code := reader.take(6):
        text += SIX_BIT[code]
        if len(text) > limit:
            raise ValueError("more characters than the field may have")
    if NONE in text:
        raise ValueError("a 6-bit code has no character")
    return text


def write_six_bit(writer: Writer, text: str, limit: int) -> None:
    if len(text) > limit:
        raise ValueError(f"{text!r} is longer than {limit} characters")
    for char in text:
        writer.put(SIX_BIT.index(char), 6)
    writer.put(0, 6)


def read_code_40(reader: Reader, length: int) -> str:
    """URN Code 40: three characters in 16 bits (section 14.5.6.5)."""
    text = ""
    for _ in range(-(-length // 3)):
        group = reader.take(16) - 1
        if not 0 <= group < 64_000:
            raise ValueError("a group of URN Code 40 is out of range")
        text += CODE_40[group // 1600] + CODE_40[group // 40 % 40] + CODE_40[group % 40]
    if NONE in text[:length] or text[length:].strip(NONE):
        raise ValueError("URN Code 40 is filled up in the wrong place")
    return text[:length]


def write_code_40(writer: Writer, text: str) -> None:
    filled = text + NONE * (-len(text) % 3)
    for at in range(0, len(filled), 3):
        first, second, third = (CODE_40.index(char) for char in filled[at : at + 3])
        writer.put(1600 * first + 40 * second + third + 1, 16)


def _integer(reader: Reader, length: int) -> str:
    text = str(reader.take(INTEGER_BITS[length])).zfill(length)
    if len(text) > length:
        raise ValueError("a number has more digits than it says")
    return text


def _indicate(writer: Writer, method: int, length: int) -> None:
    writer.put(method, 3)
    writer.put(length, 5)


def _length_in(length: int, limit: int) -> int:
    if not 1 <= length <= limit:
        raise ValueError(f"a field has {length} characters: 1 to {limit} are allowed")
    return length


def _length(text: str, limit: int) -> int:
    return _length_in(len(text), limit)


def _numeric(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not numeric")
    return text
