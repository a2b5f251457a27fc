"""What goes over a belt: labels as scanners send them, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

SEPARATOR = "\x1d"
_COMPANY = "9521141"
_ITEMS = ("09521141123454", "09521141000014", "19521141123451")
"""GTINs of GS1's example company prefix, check digits and all."""


def labels(seed: int = 1) -> Iterator[bytes]:
    """Without end: pallets (SSCC), cartons (GTIN with lot and expiry, or with serial), retail packs (EAN-13)."""
    chance = Random(seed)  # noqa: S311 - a simulation
    while True:
        kind = chance.random()
        item = chance.choice(_ITEMS)
        if kind < 0.2:
            yield f"]C100{sscc(chance.randrange(10**9))}".encode()
        elif kind < 0.5:
            lot = f"L{chance.randrange(100):02d}"
            yield f"]C101{item}17{chance.randrange(26, 30)}{chance.randrange(1, 13):02d}0010{lot}".encode()
        elif kind < 0.8:
            yield f"]d201{item}21{chance.randrange(10**6)}{SEPARATOR}10A{chance.randrange(10)}".encode()
        else:
            yield f"]E0{_ITEMS[0][1:]}".encode()


def sscc(serial: int) -> str:
    """The SSCC of that serial reference, below 10^9, with its check digit (General Specifications 7.9)."""
    digits = f"1{_COMPANY}{serial:09d}"
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
