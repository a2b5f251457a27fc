"""What a reader says in its own words, made fit for a log line, a terminal and a message of bounded size."""

from __future__ import annotations

_MOST = 200


def said(text: str) -> str:
    """The text on one line, without control characters, cut where it goes on and on."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 2 * _MOST])
    line = " ".join(shown.split())
    return line if len(line) <= _MOST else f"{line[:_MOST]}\u2026"
