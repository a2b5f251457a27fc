"""`did you mean 'X'?`"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from itertools import islice

_MANY = 200
"""Beyond so many choices only those that begin alike are compared: a hostile file must not cost minutes."""
_LONGEST = 64


def nearest(word: object, choices: Collection[object], cutoff: float = 0.6) -> str | None:
    """The choice most like `word`, if one is like it."""
    if not isinstance(word, str) or not word or len(word) > _LONGEST:
        return None
    some = choices if len(choices) <= _MANY else [c for c in choices if str(c).startswith(word[:3])][:_MANY]
    by_lower = {choice.lower(): choice for choice in some if isinstance(choice, str)}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(word: object, choices: Collection[object]) -> str:
    """`; did you mean 'X'?`, or nothing."""
    found = nearest(word, choices)
    return f"; did you mean '{found}'?" if found is not None and found != word else ""


def listed(choices: Collection[object], most: int = 12) -> str:
    """`a, b, c`: the choices there are, shortened where they are many."""
    more = f" and {len(choices) - most} more" if len(choices) > most else ""
    return ", ".join(str(choice) for choice in islice(choices, most)) + more if choices else "none"
