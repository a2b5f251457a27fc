"""Register maps that a technician names instead of typing them: data files in `profiles/`, read when first named."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from drivers.modbus.registers import MOST_REGISTERS, Point

SUNSPEC = "sunspec"
"""The profile whose points are found by asking the device."""


class Named(msgspec.Struct, frozen=True):
    """A point of a profile and its unit of measure, a UN/ECE Rec 20 code."""

    point: Point
    uom: str | None = None


class Profile(msgspec.Struct, frozen=True):
    """A device's register map. It answers at most `most` registers a request."""

    title: str
    points: tuple[Named, ...]
    most: int = MOST_REGISTERS


class Model(msgspec.Struct, frozen=True):
    """What is read of SunSpec models `ids`; addresses count from the model's first register."""

    ids: tuple[int, ...]
    title: str
    points: tuple[Named, ...]


@cache
def names() -> tuple[str, ...]:
    """All profiles there are."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")))


@cache
def profile(name: str) -> Profile:
    """The profile of that name. KeyError if there is none, or if its points are found by discovery."""
    if name not in names() or name == SUNSPEC:
        raise KeyError(name)
    data = _load(name)
    points = tuple(
        _named({"name": key, "table": data["table"], "type": data["type"], **one})
        for key, one in data["points"].items()
    )
    return Profile(data["title"], points, data.get("most", MOST_REGISTERS))


@cache
def sunspec_models() -> dict[int, Model]:
    """The SunSpec models that are read, by their identifier."""
    found: dict[int, Model] = {}
    for data in _load(SUNSPEC)["model"]:
        points = tuple(_sunspec_point(key, one) for key, one in data["points"].items())
        found |= {number: Model(tuple(data["ids"]), data["title"], points) for number in data["ids"]}
    return found


def nearest(wrong: str, right: Collection[str]) -> str:
    """`; did you mean 'X'?`, or what there is."""
    close = get_close_matches(wrong.lower(), right, n=1, cutoff=0.5)
    within = sorted(name for name in right if wrong and wrong.lower() in name)
    guess = (within or close or [""])[0]
    return f"; did you mean '{guess}'?" if guess else f"; there are {', '.join(sorted(right))}"


_SUNSPEC_TYPES: dict[str, dict[str, Any]] = {
    "uint16": {"invalid": (0xFFFF,)},
    "enum16": {"type": "uint16", "invalid": (0xFFFF,)},
    "acc32": {"type": "uint32", "invalid": (0,)},
}
"""How SunSpec says "not implemented" (Device Information Model Specification 1.1, section 4.2)."""


def _sunspec_point(name: str, data: dict[str, Any]) -> Named:
    keys = {"at": "address", "sf": "exponent"}
    one = {keys.get(key, key): value for key, value in data.items()}
    return _named({"name": name, "table": "holding", **one, **_SUNSPEC_TYPES.get(data["type"], {})})


def _named(data: dict[str, Any]) -> Named:
    uom = data.pop("uom", None)
    return Named(msgspec.convert(data, Point), uom)


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return files("drivers.modbus") / "profiles"
