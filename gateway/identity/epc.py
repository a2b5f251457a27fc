"""EPC memory ↔ identity, by GS1 Tag Data Standard 2.3. Pure.

`decode` never raises: what the standard does not explain is a raw URN. `encode_urn` and `encode_link` refuse what they
cannot write with a ValueError that says why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from gateway.identity import other, partitioned, plus
from gateway.identity.parsed import Parsed
from gateway.model import Identity

_TOGGLE = 0x100
"""Bit 17h of the EPC bank, bit 8 of the PC word: what follows is no EPC but by the AFI in the low eight bits."""

_DECODERS: dict[int, Callable[[int, int], Parsed]] = {
    **{row.header: partial(partitioned.decode, row) for row in partitioned.SCHEMES},
    **{row.header: partial(plus.decode, row) for row in plus.SCHEMES},
    other.GID: other.decode_gid,
    other.USDOD: other.decode_usdod,
    other.ADI: other.decode_adi,
}
_ENCODERS: dict[str, tuple[str, Callable[[list[str], int], bytes], int]] = {
    **{row.name: (row.scheme, partial(partitioned.encode, row), row.fields) for row in partitioned.SCHEMES},
    "gid-96": ("gid", other.encode_gid, 3),
    "usdod-96": ("usdod", other.encode_usdod, 2),
    "adi-var": ("adi", other.encode_adi, 3),
}
_PLUS = {row.name: row for row in plus.SCHEMES}


def decode(epc: bytes, pc: int | None = None) -> Identity:
    """What the EPC names. `pc` is the protocol-control word: with it, length, toggle and AFI are looked at too."""
    if pc is not None:
        if pc & _TOGGLE:
            return _raw(epc, pc, f"x{pc & 0xFF:02X}.", "afi")
        if _bits(epc, pc) > 8 * len(epc):
            return _raw(epc, None, "", "raw")
    try:
        parsed = parse(epc, pc)
    except ValueError:
        return _raw(epc, pc, "", "raw")
    uri = parsed.urn or parsed.link
    assert uri is not None
    return Identity(uri, parsed.scheme, "instance", parsed.link, parsed.filter)


def parse(epc: bytes, pc: int | None = None) -> Parsed:
    """The parts of an EPC of a known scheme. ValueError if there is no such scheme or it breaks its coding table."""
    size = 8 * len(epc) if pc is None else min(_bits(epc, pc), 8 * len(epc))
    decoder = _DECODERS.get(epc[0]) if epc else None
    if decoder is None:
        raise ValueError("the header names no scheme of TDS 2.3")
    return decoder(int.from_bytes(epc, "big") >> 8 * len(epc) - size, size)


def encode_urn(uri: str, filter: int = 0, scheme: str | None = None) -> bytes:  # noqa: A002 - TDS's own word
    """An EPC pure-identity URN as EPC memory, filled up to whole words; by the shortest coding that can hold it.

    `scheme` (`sgtin-198`) asks for one coding. ValueError if the URN is none, or cannot be written so.
    """
    start, _, rest = uri.rpartition("urn:epc:id:")
    kind, _, body = rest.partition(":")
    names = [name for name, (key, _, _) in _ENCODERS.items() if key == kind and scheme in (None, name)]
    if start or not names:
        raise ValueError(f"{uri!r} is no EPC URN of {scheme or 'a known scheme'}")
    failure = ValueError()
    for name in names:
        _, encoder, fields = _ENCODERS[name]
        try:
            return encoder(body.split(".", fields - 1), filter)
        except ValueError as error:
            failure = error
    raise ValueError(f"{uri!r} cannot be written as {' or '.join(names)}: {failure}")


def encode_link(digital_link: str, scheme: str, filter: int = 0) -> bytes:  # noqa: A002 - TDS's own word
    """A Digital Link as EPC memory of a '+' or '++' scheme (`sgtin+`, `dsgtin++`), filled up to whole words.

    A '++' scheme keeps the link's host name, a dated one takes the date from its query (`?17=220630`). ValueError if
    the scheme cannot hold the link.
    """
    row = _PLUS.get(scheme.lower())
    if row is None:
        raise ValueError(f"{scheme!r} is no '+' scheme: write one of {', '.join(sorted(_PLUS))}")
    parts = urlsplit(digital_link)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{digital_link!r} is no Digital Link")
    return plus.encode(row, parts.netloc, parts.path, parts.query, filter)


def _bits(epc: bytes, pc: int) -> int:
    """Bits the PC word says the EPC has. A reader that says 0 of an EPC that has some did not ask the tag."""
    return 16 * (pc >> 11) or 8 * len(epc)


def _raw(epc: bytes, pc: int | None, afi: str, scheme: str) -> Identity:
    """EPC Raw URI (TDS 2.3 section 15.2.1), its control fields left out: they do not name the object."""
    size = 8 * len(epc) if pc is None else min(_bits(epc, pc), 8 * len(epc))
    return Identity(f"urn:epc:raw:{size}.{afi}x{epc[: size // 8].hex().upper()}", scheme, "instance")
