"""YAML 1.2 text → a tree that knows where everything stands. Bounded: no text makes it crash, hang or grow.

The tree is built from ruamel.yaml's events, not by its constructors: so duplicate keys, aliases and depth are judged
while they come, and scalars resolve by the YAML 1.2 core schema alone (`no`, `on`, `12:30` are text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from gateway.config.problem import Code

MAX_BYTES = 1 << 20
MAX_NODES = 50_000
MAX_DEPTH = 32

Key = str | int
Scalar = str | int | float | bool | None


class Mark(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Node:
    """A scalar (`value`, `raw` as written), a sequence (`items`) or a mapping (`items`, and where its `keys` stand).

    `size` counts the nodes in it with aliases expanded, `height` the levels.
    """

    kind: str
    mark: Mark
    value: Scalar = None
    raw: str = ""
    quoted: bool = False
    items: dict[Key, Node] = field(default_factory=dict)
    keys: dict[Key, Mark] = field(default_factory=dict)
    size: int = 1
    height: int = 1

    def get(self, key: Key) -> Node | None:
        return self.items.get(key) if self.kind == "mapping" else None

    def text(self, key: Key) -> str | None:
        """The text at `key`, if text stands there."""
        node = self.get(key)
        return node.value if node is not None and isinstance(node.value, str) else None


class Flaw(NamedTuple):
    """What the text itself has wrong."""

    mark: Mark
    code: Code
    text: str


class Unreadable(Exception):
    """The text gives no tree."""

    def __init__(self, mark: Mark, code: Code, text: str) -> None:
        super().__init__(text)
        self.flaw = Flaw(mark, code, text)


def parse(data: bytes) -> tuple[Node | None, list[Flaw]]:
    """The tree of one document, and its flaws. Without a tree there is at least one flaw."""
    builder = _Builder()
    try:
        text = _decode(data)
        for event in _events(text):
            builder.take(event)
    except Unreadable as unreadable:
        return None, [*builder.flaws, unreadable.flaw]
    if builder.root is None or (builder.root.kind == "scalar" and builder.root.value is None):
        return None, [*builder.flaws, Flaw(Mark(1, 1), "empty", "the file is empty: start from config/minimal.yaml")]
    return builder.root, builder.flaws


def plain(node: Node) -> object:
    """The tree as dicts, lists and scalars."""
    if node.kind == "mapping":
        return {key: plain(item) for key, item in node.items.items()}
    if node.kind == "sequence":
        return [plain(item) for item in node.items.values()]
    return node.value


def find(root: Node, loc: Sequence[object]) -> tuple[Node, Mark, tuple[Key, ...]]:
    """What stands at `loc`, where its key stands, and the part of `loc` that exists: the rest is skipped."""
    node, mark, path = root, root.mark, []
    for step in loc:
        if isinstance(step, str | int) and step in node.items:
            mark = node.keys.get(step, node.items[step].mark)
            node = node.items[step]
            path.append(step)
    return node, mark, tuple(path)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Unreadable(Mark(1, 1), "too-large", f"the file has more than {MAX_BYTES >> 20} MiB: this is no site")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        text = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise Unreadable(mark, "not-utf8", text) from error


def _events(text: str) -> Iterator[Event]:
    read = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            yield event
            read = event.end_mark.index
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(_mark(mark), "yaml-syntax", _syntax(error)) from error
    except ReaderError as error:
        mark = _place(text, error.position)
        raise Unreadable(mark, "yaml-syntax", f"character {_shown(error.character)} is not allowed in YAML") from error
    except (YAMLError, YAMLStreamError, ValueError, OverflowError) as error:
        beyond = _BEYOND.search(text, read)  # what ruamel.yaml leaves to Python has no place of its own
        mark = _place(text, beyond.start()) if beyond else Mark(1, 1)
        raise Unreadable(mark, "yaml-syntax", f"not YAML: {error}") from error


_BEYOND = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
"""An escape for more than Unicode has."""


def _place(text: str, index: int) -> Mark:
    before = text[:index]
    return Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _shown(character: int | str) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "not YAML")
    if "'\\t'" in problem:
        return "a tab: YAML is indented with spaces only"
    if "mapping values are not allowed" in problem:
        return "a second ':' in one line, or wrong indentation: put text with ': ' in quotes, and align the keys"
    if "could not find expected ':'" in problem:
        return "a key without ':' - or the indentation of the line above is wrong"
    context = f" ({error.context})" if error.context and error.problem else ""
    return f"{problem}{context}: look at the indentation, quotes and brackets here and in the line above"


def _mark(mark: object) -> Mark:
    return Mark(getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1)


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    node: Node
    anchor: str | None
    key: Node | None = None
    merges: list[Node] = field(default_factory=list)


class _Builder:
    """Events → tree."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def take(self, event: Event) -> None:
        mark = _mark(event.start_mark)
        if isinstance(event, DocumentStartEvent):
            if self.root is not None:
                raise Unreadable(mark, "many-documents", "a second document: one file is one site; remove the '---'")
        elif isinstance(event, AliasEvent):
            self._alias(event, mark)
        elif isinstance(event, ScalarEvent):
            node = self._scalar(event, mark)
            if event.anchor:
                self._anchors[event.anchor] = node
            self._add(node)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._start(event, mark)
        elif isinstance(event, CollectionEndEvent):
            self._end()

    def _start(self, event: NodeEvent, mark: Mark) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(mark, "too-deep", f"more than {MAX_DEPTH} levels: a site has no more than 6")
        self._tag(event, mark, allowed=("!",))
        kind = "mapping" if isinstance(event, MappingStartEvent) else "sequence"
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Frame(Node(kind, mark), event.anchor))

    def _end(self) -> None:
        frame = self._open.pop()
        for merged in frame.merges:
            for key, item in merged.items.items():
                if key not in frame.node.items:
                    self._put(frame.node, key, merged.keys[key], item)
        if frame.anchor:
            self._anchors[frame.anchor] = frame.node
        self._add(frame.node)

    def _alias(self, event: AliasEvent, mark: Mark) -> None:
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            text = f"*{name} stands inside its own &{name}" if name in self._anchors else f"there is no &{name} above"
            raise Unreadable(mark, "yaml-anchor", text)
        self._add(node)

    def _add(self, node: Node) -> None:
        self._count(1, node.mark)
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        if frame.node.kind == "sequence":
            self._put(frame.node, len(frame.node.items), node.mark, node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._pair(frame, key, node)

    def _pair(self, frame: _Frame, key: Node, node: Node) -> None:
        if key.kind == "scalar" and key.value == "<<" and not key.quoted:
            self._merge(frame, key, node)
        elif isinstance(key.value, bool) or not isinstance(key.value, str | int):
            shown = f"'{key.raw}'" if key.kind == "scalar" and key.raw else "this"
            self.flaws.append(
                Flaw(key.mark, "wrong-type", f"{shown} cannot be a key: write a name, or put it in quotes")
            )
        elif key.value in frame.node.items:
            first = frame.node.keys[key.value]
            text = f"'{key.value}' stands here twice, first in line {first.line}: remove one"
            self.flaws.append(Flaw(key.mark, "duplicate-key", text))
        else:
            self._put(frame.node, key.value, key.mark, node)

    def _merge(self, frame: _Frame, key: Node, node: Node) -> None:
        merged = list(node.items.values()) if node.kind == "sequence" else [node]
        if any(item.kind != "mapping" for item in merged):
            self.flaws.append(Flaw(key.mark, "yaml-anchor", "<< takes a mapping, as in '<<: *name'"))
            return
        self._count(node.size, key.mark)
        frame.merges.extend(merged)

    def _put(self, parent: Node, key: Key, mark: Mark, node: Node) -> None:
        parent.items[key] = node
        parent.keys[key] = mark
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if parent.height > MAX_DEPTH:
            raise Unreadable(mark, "too-deep", f"more than {MAX_DEPTH} levels: a site has no more than 6")
        self._count(0, mark, parent.size)

    def _count(self, more: int, mark: Mark, size: int = 0) -> None:
        self._nodes += more
        if max(self._nodes, size) > MAX_NODES:
            raise Unreadable(mark, "too-large", f"more than {MAX_NODES} values, aliases expanded: this is no site")

    def _scalar(self, event: ScalarEvent, mark: Mark) -> Node:
        quoted = not event.implicit[0]
        tagged = self._tag(event, mark, allowed=("!", "tag:yaml.org,2002:str"))
        raw = event.value
        if half := _HALF.search(raw):
            # It can be written nowhere, neither as a file's name nor into a log.
            raw = _HALF.sub("\ufffd", raw)
            text = f"{_shown(half[0])} is half a character: write the character itself, or its \\U escape"
            self.flaws.append(Flaw(mark, "yaml-syntax", text))
        value = raw if quoted or tagged else _resolve(raw)
        return Node("scalar", mark, value=value, raw=raw, quoted=quoted)

    def _tag(self, event: NodeEvent, mark: Mark, allowed: tuple[str, ...]) -> bool:
        tag = getattr(event, "tag", None)
        if tag is None:
            return False
        if str(tag) not in allowed:
            self.flaws.append(Flaw(mark, "yaml-tag", f"tag {tag} means nothing here: remove it; text is quoted"))
        return True


_HALF = re.compile("[\ud800-\udfff]")
"""A surrogate: what an escape may name and no text has."""

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_LONGEST_NUMBER = 40


def _resolve(raw: str) -> Scalar:
    """A plain scalar by the core schema (YAML 1.2.2, section 10.3.2); what is too long for a number is text."""
    if raw in _WORDS:
        return _WORDS[raw]
    if len(raw) <= _LONGEST_NUMBER:
        if _INT.fullmatch(raw):
            return int(raw, 0) if raw.startswith(("0o", "0x")) else int(raw)
        if _FLOAT.fullmatch(raw):
            return float(raw)
    return raw
