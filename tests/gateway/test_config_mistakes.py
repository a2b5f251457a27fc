"""A right site with one mistake put in: exactly that mistake is found, at its place, with its code and a way out.

A mistake that was found badly once is one new case in tests/cases/config/mistakes.txt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.config.load import ConfigError, Problem, load

CASES = Path(__file__).parents[1] / "cases" / "config"
SITE = (CASES / "site.yaml").read_text()


class Case(NamedTuple):
    old: str
    new: str
    expected: list[list[str]]


def cases() -> Iterator[Case]:
    text = "\n".join(line for line in (CASES / "mistakes.txt").read_text().splitlines() if not line.startswith("#"))
    for block in text.strip().split("\n\n"):
        old, new, *rest = (line.replace("⏎", "\n") for line in block.splitlines())
        assert old.startswith("- ")
        yield Case(old[2:], new[2:], [line.split(" | ") for line in rest])


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        load(path)
    return error.value.problems


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.new[:40])
def test_a_mistake_and_nothing_else(case: Case, tmp_path: Path) -> None:
    text = replaced(SITE, case.old, case.new)
    path = tmp_path / "site.yaml"
    path.write_text(text)
    lines = text.splitlines(keepends=True)
    found = problems(path)
    assert [problem.code for problem in found] == [code for _, code, _ in case.expected]
    for problem, (place, code, words) in zip(found, case.expected, strict=True):
        assert "".join(lines[problem.line - 1 :])[problem.column - 1 :].startswith(place), str(problem)
        assert words in problem.text
        assert str(problem).startswith(f"{path}:{problem.line}:{problem.column}: {code}: ")


def test_keys_that_stand_in_one_or_in_a_list_are_named_once(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    old = "1: {read_point: dock, side: outside}}"
    path.write_text(replaced(SITE, old, f"{old}, signals: {{passed: {{gpo: 1, xyz: 1}}}}"))
    [problem] = problems(path)
    assert problem.text.endswith("; the keys are gpo, for, read_points, invert")


def test_all_mistakes_of_a_file_in_one_pass(tmp_path: Path) -> None:
    text = SITE
    for old, new in (
        ("gw-07", "GW"),
        ("kind: zone", "kind: zon"),
        ("kind: portal", "kind: portal, min_reads: 0"),
        ("driver: llrp, segment: rfid, host: 10.0.0.1", "driver: lllrp, segment: rfd, host: 1, sesion: 2"),
        ("1: aisle", "1: aisel"),
        ("10.0.0.3, read_point: belt", "10.0.0.3, read_point: bolt, phase: 1"),
    ):
        text = replaced(text, old, new)
    path = tmp_path / "site.yaml"
    path.write_text(text)
    found = problems(path)
    assert [(problem.line, problem.code) for problem in found] == [
        (2, "bad-name"),
        (7, "bad-value"),
        (8, "bad-value"),
        (11, "unknown-driver"),
        (11, "unknown-segment"),
        (11, "wrong-type"),
        (11, "unknown-key"),
        (11, "unknown-read-point"),
        (13, "unknown-read-point"),
        (13, "wrong-type"),
    ]
