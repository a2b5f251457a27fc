"""Single values put into the text of a site file, the rest of it left as it is written. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from gateway.config.document import Key, Mark, Node, parse, plain

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"")


class Wanted(NamedTuple):
    """A scalar, as YAML has it, for a place in the file."""

    place: tuple[Key, ...]
    value: str


class Line(NamedTuple):
    """Lines from `number` (from 1) on, as they are and as they are to be; none before: they are new, above it."""

    number: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class Edited(NamedTuple):
    """The new text, the lines that differ, and what could not be put there: a person has to."""

    text: str
    lines: list[Line]
    left: list[Wanted]


def edited(text: str, wanted: Sequence[Wanted]) -> Edited:
    """Each edit is proved: the new text means the old one and that value, else it is left out."""
    new = text
    left: list[Wanted] = []
    for each in wanted:
        other = _put(new, each)
        if other is None:
            left.append(each)
        else:
            new = other
    return Edited(new, _lines(text, new), left)


def line_of(text: str, place: Sequence[Key]) -> int:
    """The line in which the innermost part of a place stands that is there."""
    root, _ = parse(text.encode())
    node, line = root, 1
    for key in place:
        if node is None or key not in node.items:
            break
        line = node.keys[key].line
        node = node.items[key]
    return line


def _put(text: str, wanted: Wanted) -> str | None:
    root, _ = parse(text.encode())
    value, _ = parse(f"x: {wanted.value}\n".encode())
    if root is None or value is None:
        return None
    *outer, key = wanted.place
    parent: Node | None = root
    for step in outer:
        parent = parent.get(step) if parent is not None else None
    if parent is None:
        return None
    change = _change(_Text(text), parent, key, wanted.value)
    if change is None:
        return None
    start, end, put = change
    new = text[:start] + put + text[end:]
    after, flaws = parse(new.encode())
    expected = _with(plain(root), wanted.place, value.items["x"].value)
    return new if after is not None and not flaws and plain(after) == expected else None


def _with(tree: object, place: Sequence[Key], value: object) -> object:
    if not place:
        return value
    # An antenna in short: its read point alone.
    old = tree if isinstance(tree, dict) else {"read_point": tree}
    return {**old, place[0]: _with(old.get(place[0]), place[1:], value)}


class _Text:
    """Where marks are in a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def at(self, mark: Mark) -> int:
        return self._lines[mark.line - 1] + mark.column - 1

    def line(self, mark: Mark) -> tuple[int, int]:
        """Where its line begins, and where the next one does."""
        return self._lines[mark.line - 1], self._lines[min(mark.line, len(self._lines) - 1)]

    def scalar(self, node: Node) -> tuple[int, int] | None:
        """From where to where a scalar is written."""
        if node.kind != "scalar":
            return None
        start = self.at(node.mark)
        if node.quoted:
            found = _QUOTED.match(self.text, start)
            return (start, found.end()) if found else None
        return (start, start + len(node.raw)) if self.text.startswith(node.raw, start) and node.raw else None


_Change = tuple[int, int, str]


def _change(text: _Text, parent: Node, key: Key, value: str) -> _Change | None:
    """From where to where what is written, so that the value stands there."""
    if parent.kind == "scalar":
        span = text.scalar(parent)
        return (*span, f"{{read_point: {text.text[slice(*span)]}, {key}: {value}}}") if span else None
    if parent.kind != "mapping":
        return None
    if key in parent.items:
        span = text.scalar(parent.items[key])
        return (*span, value) if span else None
    if text.text.startswith("{", text.at(parent.mark)):
        return _into_flow(text, parent, f"{key}: {value}")
    return _into_block(text, parent, f"{key}: {value}")


def _into_flow(text: _Text, parent: Node, member: str) -> _Change:
    begin = text.at(parent.mark) + 1
    if not parent.items:
        return begin, begin, member
    span = text.scalar(list(parent.items.values())[-1])
    return (span[1], span[1], f", {member}") if span else (begin, begin, f"{member}, ")


def _into_block(text: _Text, parent: Node, member: str) -> _Change | None:
    """A line of its own below the last member, where that is a scalar, else above the first."""
    if not parent.items:
        return None
    last = list(parent.items)[-1]
    below = text.scalar(parent.items[last]) is not None
    mark = parent.keys[last if below else next(iter(parent.items))]
    begin, end = text.line(mark)
    indent = text.text[begin : text.at(mark)]
    if indent.strip():
        return None
    if not below:
        return begin, begin, f"{indent}{member}\n"
    return end, end, f"{indent}{member}\n" if text.text[begin:end].endswith("\n") else f"\n{indent}{member}"


def _lines(before: str, after: str) -> list[Line]:
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if j - i == m - k:
            found += [Line(i + n + 1, (old[i + n],), (new[k + n],)) for n in range(j - i)]
        else:
            found.append(Line(i + 1, tuple(old[i:j]), tuple(new[k:m])))
    return found
