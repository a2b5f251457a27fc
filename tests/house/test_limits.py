"""docs/limits.md against the code: its constants have the values it states, and whatever can grow is on it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text()

_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "s": 1, "bytes": 1}
_STATED = re.compile(
    r"(?P<number>[\d,]+)(?: (?P<unit>KiB|MiB|GiB|s|bytes))?[^|()`\d]{0,40}\(`(?P<name>[\w.]+\.[A-Z_]+)`\)"
)
_CONSTANT = re.compile(r"`((?:gateway|drivers)\.[\w.]+\.[A-Z_]+)`")

SITE = "as many as the site file names: devices, antennas, read points, points, signals, segments"
COMMAND = "of one command, or of one reading of a file: gone with it"
ONCE = "made once, of what the program itself brings"

REASONS = {
    "drivers.ble.scanning": SITE,
    "drivers.http.driver": SITE,
    "drivers.llrp.clock": "slots of one window of a minute",
    "drivers.llrp.codec.definitions": ONCE,
    "drivers.llrp.codec.layout": ONCE,
    "drivers.llrp.outputs": SITE,
    "drivers.llrp.session": "of one report at a time; faults while it is set up are the last few",
    "drivers.modbus.condition": SITE,
    "drivers.modbus.profiles": ONCE,
    "drivers.modbus.schedule": SITE,
    "drivers.modbus.session": SITE,
    "drivers.nmea.fix": "sentences of one position, by their kind",
    "drivers.nmea.session": SITE,
    "drivers.registry": ONCE,
    "gateway.app": SITE,
    "gateway.cli": COMMAND,
    "gateway.config": COMMAND,
    "gateway.demo": COMMAND,
    "gateway.devices": SITE,
    "gateway.explain": COMMAND,
    "gateway.ids": "random words, drawn 256 at a time and used up",
    "gateway.location.engine": SITE,
    "gateway.location.floor": SITE,
    "gateway.location.watch": SITE,
    "gateway.messages": SITE,
    "gateway.outages": SITE,
    "gateway.outbox.bulk": "one statement for each number of rows up to a bulk's",
    "gateway.outbox.packing": ONCE,
    "gateway.outputs": SITE,
    "gateway.recall": COMMAND,
    "gateway.signals": SITE,
    "gateway.tuning": COMMAND,
    "gateway.uplink.link": SITE,
}
"""Modules whose containers have an end that needs no cap. A package: all in it."""

_KINDS = {"dict", "list", "set", "deque", "OrderedDict", "Counter", "defaultdict", "bytearray", "Queue", "SimpleQueue"}


def grows(value: ast.expr | None) -> bool:
    """Whether it makes an empty container that nothing but its user ends."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    if not isinstance(value, ast.Call):
        return False
    name = ast.unparse(value.func).split(".")[-1]
    return name in _KINDS and not any(word.arg in ("maxlen", "maxsize") for word in value.keywords)


def targets(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    if isinstance(node, ast.AnnAssign):
        yield node.target, node.value
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value


def endless(node: ast.AST) -> Iterator[str]:
    """`functools.cache`, or one without a size."""
    if isinstance(node, ast.FunctionDef):
        for decorator in map(ast.unparse, node.decorator_list):
            if decorator in ("cache", "functools.cache") or "maxsize=None" in decorator:
                yield node.name


def growing(path: Path) -> list[str]:
    """Names in a module that hold what can grow: of itself, of its objects, of functions that remember."""
    tree = ast.parse(path.read_text())
    found = [ast.unparse(name) for node in tree.body for name, value in targets(node) if grows(value)]
    for node in ast.walk(tree):
        found += endless(node)
        if isinstance(node, ast.ClassDef):
            for inner in ast.walk(node):
                found += [
                    f"{node.name}.{name.attr}"
                    for name, value in targets(inner)
                    if isinstance(name, ast.Attribute) and ast.unparse(name.value) == "self" and grows(value)
                ]
    return found


def modules() -> Iterator[tuple[str, list[str]]]:
    for folder in ("gateway", "drivers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = growing(path)
            if found:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts), found


def test_whatever_can_grow_has_an_end_on_the_page() -> None:
    """Name the module in a row of docs/limits.md, with what ends it; or give the reason why nothing needs to."""
    on_page = set(re.findall(r"`((?:gateway|drivers)\.[a-z_.]+[a-z])", PAGE))
    missing = {
        module: names
        for module, names in modules()
        if module not in on_page and not any(module == one or module.startswith(f"{one}.") for one in REASONS)
    }
    assert missing == {}


@pytest.mark.parametrize("found", list(_STATED.finditer(PAGE)), ids=lambda found: found["name"])
def test_a_cap_is_what_the_page_says(found: re.Match[str]) -> None:
    module, _, name = found["name"].rpartition(".")
    stated = int(found["number"].replace(",", "")) * _UNITS[found["unit"] or ""]
    assert getattr(importlib.import_module(module), name) == stated


def test_every_constant_of_the_page_is_looked_at() -> None:
    assert set(_CONSTANT.findall(PAGE)) == {found["name"] for found in _STATED.finditer(PAGE)}
    assert len(_CONSTANT.findall(PAGE)) > 40


def test_every_module_of_the_page_is_there() -> None:
    named = set(re.findall(r"`((?:gateway|drivers)\.[a-z_.]+[a-z])(?=[`.])", PAGE)) | set(REASONS)
    assert {name for name in named if importlib.util.find_spec(name) is None} == set()
