"""The identity map's file, CSV or YAML → its table, or every row that is wrong. Bounded, whatever the file holds."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateway.config.document import MAX_BYTES, Node, parse
from gateway.config.files import open_file
from gateway.config.findings import Findings
from gateway.config.problem import Code, Problem
from gateway.identity.mapping import MAX_ROWS, Conflict, IdentityMap

SHOWN = 20
"""Wrong rows that are told of one by one."""

LONGEST = 4096
"""Bytes of a line: many times what the longest identifier needs."""

LARGEST = 2**28
"""Bytes of a file: a million rows of 268 bytes."""

_BREATH = 500
"""Rows, some 3 ms, after which other threads have their turn: Python alone would hold up the event loop for longer."""

_COLUMNS = ("identifier", "id")
_HEADER = "the first line names the columns: identifier,id (and others, which are not looked at)"


class Row(NamedTuple):
    """What a file says, and where."""

    line: int
    column: int
    identifier: str
    gs1_id: str


class Mistake(NamedTuple):
    """What is wrong there."""

    line: int
    column: int
    code: Code
    text: str


def check_identities(
    root: Node, base: Path, segments: Collection[str] | None, findings: Findings, known: Iterable[IdentityMap | None]
) -> dict[str, IdentityMap]:
    """The maps of these segments, or of all; adds every mistake in them.

    A map in `known` is taken where its file is as it was.
    """
    node = root.get("segments")
    made = {one.digest: one for one in known if one is not None}
    found: dict[str, IdentityMap] = {}
    for name, segment in node.items.items() if node is not None and node.kind == "mapping" else ():
        file = segment.text("identities")
        if file is None or not (segments is None or name in segments):
            continue
        loc = ("segments", name, "identities")
        try:
            taken, problems = read_identities(base / file, made)
        except FileNotFoundError:
            text = f"there is no file {base / file}: paths are relative to this file's folder"
            findings.error("file-missing", loc, text)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            findings.error("file-unreadable", loc, f"{base / file}: {reason}")
        else:
            for problem in problems:
                findings.elsewhere(problem)
            if taken is not None:
                found[str(name)] = made[taken.digest] = taken
    return found


def read_identities(path: Path, known: Mapping[str, IdentityMap]) -> tuple[IdentityMap | None, list[Problem]]:
    """The map in that file, or its mistakes: the first of them, and how many more there are. OSError, ValueError.

    `known` has maps by the digest of their file: one that was read already is taken as it is.
    """
    with open_file(path) as file:
        digest = _digest(file)
        if digest in known:
            return known[digest], []
        file.seek(0)
        rows = read_yaml(file.read(MAX_BYTES + 1)) if path.suffix in (".yaml", ".yml") else read_csv(_lines(file))
        return _filled(rows, IdentityMap(digest), str(path))


def _digest(file: BinaryIO) -> str:
    """ValueError for a file that has no end in sight, as some below /proc have none."""
    hashed, size = hashlib.sha256(), 0
    while data := file.read(2**18):
        hashed.update(data)
        size += len(data)
        if size > LARGEST:
            raise ValueError(f"it has more than {LARGEST >> 20} MiB: this is no identity map")
    return hashed.hexdigest()


def _filled(rows: Iterable[Row | Mistake], made: IdentityMap, file: str) -> tuple[IdentityMap | None, list[Problem]]:
    problems: list[Problem] = []
    wrong = 0
    for count, row in enumerate(rows):
        if count % _BREATH == 0:
            time.sleep(0)
        mistake = _taken(row, made) if isinstance(row, Row) else row
        if mistake is not None:
            wrong += 1
            if wrong <= SHOWN:
                problems.append(Problem(file, mistake.line, mistake.column, mistake.code, "", mistake.text))
            if mistake.code == "too-many-identities":
                break
    if wrong > SHOWN:
        last = problems[-1]
        text = f"{wrong - SHOWN} more rows are wrong: mend these first"
        problems.append(Problem(file, last.line, last.column, last.code, "", text))
    if problems:
        return None, problems
    made.seal()
    return made, []


def _taken(row: Row, made: IdentityMap) -> Mistake | None:
    try:
        made.add(row.line, row.identifier, row.gs1_id)
    except Conflict as error:
        return Mistake(row.line, row.column, "identity-conflict", str(error))
    except ValueError as error:
        return Mistake(row.line, row.column, "bad-identity", str(error))
    except OverflowError:
        return Mistake(row.line, row.column, "too-many-identities", f"more than {MAX_ROWS:,} identifiers")
    return None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, and of one that is too long its beginning."""
    while line := file.readline(LONGEST + 1):
        yield line
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = file.readline(LONGEST + 1)


def read_csv(lines: Iterable[bytes]) -> Iterator[Row | Mistake]:
    """Rows with both columns filled in: one a line, with commas, semicolons or tabs; not empty lines and those with #.

    A row without an id is one still to be filled in, as `readpoint orphans --csv` writes them.
    """
    columns: _Columns | None = None
    for number, line in enumerate(lines, 1):
        text = _decoded(number, line)
        if isinstance(text, Mistake):
            yield text
        elif text and not text.startswith("#"):
            if columns is None:
                columns = _columns(text)
                if columns is None:
                    yield Mistake(number, 1, "bad-identity", _HEADER)
                    return
                continue
            row = columns.row(number, text)
            if row is not None:
                yield row
    if columns is None:
        yield Mistake(1, 1, "empty", f"no row stands in the file; {_HEADER}")


def _decoded(number: int, line: bytes) -> str | Mistake:
    if len(line) > LONGEST:
        return Mistake(number, 1, "bad-identity", f"the line has more than {LONGEST} bytes: this is no row")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n \t")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{line[error.start]:02x} is not UTF-8: save the file as CSV UTF-8"
        return Mistake(number, error.start + 1, "not-utf8", byte)


class _Columns(NamedTuple):
    """Where identifier and id stand, and what is between columns."""

    between: str
    identifier: int
    gs1_id: int

    def row(self, number: int, text: str) -> Row | Mistake | None:
        """The row in this line; None if its id is not filled in."""
        try:
            cells = _cells(text, self.between)
        except csv.Error as error:
            return Mistake(number, 1, "bad-identity", f"the quotes are wrong: {error}")
        if len(cells) <= self.identifier:
            return Mistake(number, 1, "bad-identity", f"the line has {len(cells)} columns: the identifier is missing")
        gs1_id = cells[self.gs1_id].strip() if len(cells) > self.gs1_id else ""
        identifier = cells[self.identifier].strip()
        return Row(number, 1, identifier, gs1_id) if gs1_id else None


def _columns(header: str) -> _Columns | None:
    for between in ",;\t":
        try:
            names = [name.strip().lower() for name in _cells(header, between)]
        except csv.Error:
            continue
        if all(names.count(column) == 1 for column in _COLUMNS):
            return _Columns(between, names.index("identifier"), names.index("id"))
    return None


def _cells(text: str, between: str) -> list[str]:
    if '"' not in text:
        return text.split(between)
    return next(csv.reader([text], delimiter=between, strict=True))


def read_yaml(data: bytes) -> Iterator[Row | Mistake]:
    """Rows of a mapping from identifier to id, of the size a site file may have; null is one still to be filled in."""
    root, flaws = parse(data)
    for flaw in flaws:
        yield Mistake(*flaw.mark, flaw.code, flaw.text)
    if root is not None and root.kind != "mapping":
        yield Mistake(*root.mark, "wrong-type", 'expected lines such as "E28068940000500612345678": urn:epc:id:giai:…')
    elif root is not None:
        for key, node in root.items.items():
            mark = root.keys.get(key, node.mark)
            if not isinstance(key, str):
                yield Mistake(*mark, "wrong-type", f'identifiers are text: write {key} in quotes: "{key}"')
            elif node.value is not None or node.kind != "scalar":
                yield _entry(key, node, mark)


def _entry(key: str, node: Node, mark: tuple[int, int]) -> Row | Mistake:
    if isinstance(node.value, str):
        return Row(*mark, key.strip(), node.value.strip())
    return Mistake(*node.mark, "wrong-type", "expected a GS1 id, an EPC URN or a Digital Link")
