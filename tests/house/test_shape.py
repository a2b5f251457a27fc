"""The shape of the house: short files, packages without code in `__init__`, no word of the machine it came from."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("gateway", "drivers", "simulators")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_files_have_at_most_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count for path in SOURCES if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_functions_have_at_most_40_lines() -> None:
    long = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = (first.end_lineno or 0) + 1 if documented and len(node.body) > 1 else first.lineno
                lines = (node.end_lineno or 0) - start + 1
                if lines > 40:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert not long


def test_package_inits_are_empty() -> None:
    """A shell imported by a package's `__init__` would hide from the import rules."""
    assert not [str(path) for path in SOURCES if path.name == "__init__.py" and path.read_text().strip()]


@pytest.mark.parametrize("folder", ["gateway", "drivers", "simulators"])
def test_is_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()


def test_nothing_is_left_unfinished() -> None:
    words = ("TODO", "FIXME", "XXX", "NotImplementedError", "pragma: no cover")
    found = [f"{path.relative_to(ROOT)}: {word}" for path in SOURCES for word in words if word in path.read_text()]
    assert not found


STANDARD = {"home", "mnt", "opt", "root", "srv", "tmp", "var"}


def test_names_no_machine() -> None:
    """Paths of the machine this was built on say nothing to anyone else."""
    # A checkout may stand in a folder that every machine has.
    here = f"{ROOT if len(ROOT.parent.parts) < 3 and ROOT.parent.name in STANDARD else ROOT.parent}/"
    if not tracked() or len(here) < 4:
        pytest.skip("this is no git checkout")
    found = [str(path) for path in tracked() if here.encode() in path.read_bytes()]
    assert not found


def names_everything(kind: ast.expr) -> bool:
    return isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")


def passes_on(handler: ast.ExceptHandler) -> bool:
    """It cleans up and raises again: nothing is swallowed."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise)


def test_one_blind_except() -> None:
    """It is the supervisor's."""
    blind = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or names_everything(node.type))
        and not passes_on(node)
    ]
    assert blind == ["gateway/supervisor.py"]
