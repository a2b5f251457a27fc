"""The pure modules, each imported in a fresh interpreter, bring no I/O, no threads and no clock with them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

IMPURE = ("asyncio", "socket", "ssl", "serial", "sqlite3", "threading", "selectors", "paho", "pydantic", "ruamel")

PURE_PACKAGES = ("gateway/identity", "gateway/location", "drivers/llrp/codec")
PURE_MODULES = (
    "gateway/model.py",
    "gateway/messages.py",
    "gateway/signals.py",
    "gateway/telemetry.py",
    "gateway/topics.py",
    "drivers/lines.py",
    "drivers/http/body.py",
    "drivers/http/observing.py",
    "drivers/http/openapi.py",
    "drivers/http/rate.py",
    "drivers/http/sources.py",
    "drivers/http/complaints.py",
    "gateway/ids.py",
    "gateway/timestamps.py",
    "gateway/tuning/comparison.py",
    "gateway/tuning/events.py",
    "gateway/tuning/gaps.py",
    "gateway/tuning/offsets.py",
    "gateway/tuning/score.py",
    "gateway/tuning/search.py",
    "gateway/tuning/settings.py",
    "gateway/tuning/stands.py",
    "gateway/tuning/walk.py",
    "drivers/modbus/session.py",
    "drivers/observations.py",
    "drivers/nmea/fences.py",
    "drivers/nmea/fix.py",
    "drivers/nmea/framing.py",
    "drivers/nmea/geometry.py",
    "drivers/nmea/positions.py",
    "simulators/gps/route.py",
    "simulators/gps/sentences.py",
    "simulators/warehouse.py",
)


def pure_modules() -> list[str]:
    """Dotted names of all modules that must be pure."""
    files = [file for package in PURE_PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    files += [ROOT / module for module in PURE_MODULES]
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


def modules_that_say_so() -> list[str]:
    """Dotted names of those whose docstring promises it, though settings (pydantic) may come along with them."""
    found = []
    for folder in ("gateway", "drivers", "simulators"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            words = ast.get_docstring(ast.parse(file.read_text())) or ""
            if re.search(r"\bPure\b|without I/O", words):
                found.append(".".join(file.relative_to(ROOT).with_suffix("").parts))
    return found


def imported_names(module: str) -> set[str]:
    """Top-level names that the module's own source imports."""
    path = ROOT / Path(*module.split("."))
    source = (path / "__init__.py") if path.is_dir() else path.with_suffix(".py")
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("module", sorted({*pure_modules(), *modules_that_say_so()}))
def test_imports_no_clock_and_no_io(module: str) -> None:
    assert not imported_names(module) & {*IMPURE, "time"}


def test_brings_no_io_along() -> None:
    """One interpreter for each, since one module's import would hide another's."""
    script = (
        "import sys, importlib; before = set(sys.modules); importlib.import_module(sys.argv[1]); "
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    guilty: dict[str, list[str]] = {}
    for module in pure_modules():
        done = subprocess.run(
            [sys.executable, "-c", script, module], capture_output=True, text=True, cwd=ROOT, check=True
        )
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        if impure := sorted(loaded & set(IMPURE)):
            guilty[module] = impure
    assert not guilty
