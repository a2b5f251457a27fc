"""Collects what is wrong with one file; knows where everything stands."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.config.document import Flaw, Mark, Node, find
from gateway.config.problem import Code, Problem


class Findings:
    """Errors and warnings of one file, each once."""

    def __init__(self, file: str, root: Node | None) -> None:
        self._file = file
        self._root = root
        self._errors: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}

    @property
    def errors(self) -> list[Problem]:
        """In the order of the file, then of those it names."""
        return sorted(self._errors, key=lambda problem: (problem.file != self._file, problem.file, *_place(problem)))

    @property
    def warnings(self) -> list[Problem]:
        """In the order of the file."""
        return sorted(self._warnings, key=_place)

    def flaw(self, flaw: Flaw) -> None:
        self._errors[Problem(self._file, *flaw.mark, flaw.code, "", flaw.text)] = None

    def elsewhere(self, problem: Problem) -> None:
        """A mistake in a file that this one names."""
        self._errors[problem] = None

    def error(self, code: Code, loc: Sequence[object], text: str, *, at_key: bool = False) -> None:
        """A mistake at `loc`: at its value, or `at_key` where its key stands."""
        self._errors[self._problem(code, loc, text, at_key=at_key)] = None

    def warn(self, code: Code, loc: Sequence[object], text: str, *, at_key: bool = False) -> None:
        self._warnings[self._problem(code, loc, text, at_key=at_key)] = None

    def _problem(self, code: Code, loc: Sequence[object], text: str, *, at_key: bool) -> Problem:
        mark = Mark(1, 1)
        if self._root is not None:
            node, key, _ = find(self._root, loc)
            empty = node.kind == "scalar" and not node.raw and not node.quoted
            mark = key if at_key or empty else node.mark
        return Problem(self._file, *mark, code, ".".join(map(str, loc)), text)


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column
