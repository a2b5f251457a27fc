"""Which drivers there are: a name → where its classes are. Nothing is imported before it is first used."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import msgspec

from drivers.contract import DriverFactory, Settings


class Entry(msgspec.Struct, frozen=True):
    """`module:Class` of a driver, of its settings and of its settings per port.

    A device that `reads` identifiers needs a read point; its antennas may be `numbered`, from 1, or have names. The
    names of its `signals` match that pattern; None where its settings name them.
    """

    driver: str
    settings: str
    ports: str
    reads: bool = True
    numbered: bool = False
    signals: str | None = None

    def settings_type(self) -> type[Settings]:
        return cast("type[Settings]", _load(self.settings))

    def ports_type(self) -> type[Settings]:
        return cast("type[Settings]", _load(self.ports))

    def factory(self) -> DriverFactory:
        return cast("DriverFactory", _load(self.driver))


_OWN = {
    "llrp": Entry(
        "drivers.llrp.driver:LlrpDriver",
        "drivers.llrp.settings:Settings",
        "drivers.llrp.settings:PortSettings",
        numbered=True,
        signals=r"gpi[1-9]\d*",
    ),
}


def names() -> list[str]:
    """Names of all drivers, ours and those that other distributions declare in the group `readpoint.drivers`."""
    return sorted({*_OWN, *_others()})


def entry(name: str) -> Entry:
    """The entry of that name. KeyError if there is none; ImportError, AttributeError, TypeError if it is broken."""
    if name in _OWN:
        return _OWN[name]
    found = _others()[name].load()
    if not isinstance(found, Entry):
        raise TypeError(f"driver {name}: its entry point {_others()[name].value} is no drivers.registry.Entry")
    return found


@cache
def _others() -> dict[str, EntryPoint]:
    """Looked for once: what is installed does not change while a process runs, and looking takes milliseconds."""
    return {point.name: point for point in entry_points(group="readpoint.drivers")}


def _load(path: str) -> object:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
