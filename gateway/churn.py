"""Large tables whose keys come and go. Pure."""

from __future__ import annotations

from typing import Final

SMALL: Final = 4096
"""Entries of which no account is taken."""


def worn(came: int, left: int) -> bool:
    """Whether a dict of `left` entries, to which `came` were added since it was made, should be made anew.

    A dict keeps the places of entries that went, and when they are used up it makes itself three times as large as
    what it holds: the copy is of half that size, and costs no more than that would have.
    """
    return came > SMALL and came > left // 2
