"""`did you mean 'X'?`"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MANY = 200
"""Beyond so many choices only those that begin alike are compared: a hostile file must not cost minutes."""
_LONGEST = 64


def nearest(word: object, choices: Iterable[object], cutoff: float = 0.6) -> str | None:
    """The choice most like `word`, if one is like it."""
    if not isinstance(word, str) or not word or len(word) > _LONGEST:
        return None
    by_lower = {choice.lower(): choice for choice in choices if isinstance(choice, str)}
    if len(by_lower) > _MANY:
        start = word[:3].lower()
        by_lower = dict([(low, choice) for low, choice in by_lower.items() if low.startswith(start)][:_MANY])
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(word: object, choices: Iterable[object]) -> str:
    """`; did you mean 'X'?`, or nothing."""
    found = nearest(word, choices)
    return f"; did you mean '{found}'?" if found is not None and found != word else ""


def listed(choices: Iterable[object], most: int = 12) -> str:
    """`a, b, c`: the choices there are, shortened where they are many."""
    words = [str(choice) for choice in choices]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more if words else "none"
