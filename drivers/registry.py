"""Which drivers there are: a name → where its classes are. Nothing is imported before it is first used.

Drivers of other distributions run with the gateway's rights: only those that a configuration lists are ever loaded.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import msgspec

from drivers.contract import DriverFactory, Settings


class Entry(msgspec.Struct, frozen=True):
    """`module:Class` of a driver, of its settings and of its settings per port.

    A device that `reads` identifiers needs a read point; one that is at none as a `whole` has antennas alone. Those may
    be `numbered`, from 1, or have names. The names of its `signals` match that pattern; None where its settings name
    them. Where it has `outputs`, what its driver opens is `Outputs` too. Mostly `codes`: what it reads are scans.
    """

    driver: str
    settings: str
    ports: str
    reads: bool = True
    numbered: bool = False
    whole: bool = True
    signals: str | None = None
    outputs: bool = False
    codes: bool = False

    def settings_type(self) -> type[Settings]:
        return cast("type[Settings]", _load(self.settings))

    def ports_type(self) -> type[Settings]:
        return cast("type[Settings]", _load(self.ports))

    def factory(self) -> DriverFactory:
        return cast("DriverFactory", _load(self.driver))


_OWN = {
    "barcode": Entry(
        "drivers.barcode.driver:BarcodeDriver",
        "drivers.barcode.settings:Settings",
        "drivers.barcode.settings:PortSettings",
        codes=True,
    ),
    "ble": Entry("drivers.ble.driver:BleDriver", "drivers.ble.settings:Settings", "drivers.ble.settings:PortSettings"),
    "http": Entry(
        "drivers.http.driver:HttpDriver",
        "drivers.http.settings:Settings",
        "drivers.http.settings:PortSettings",
        codes=True,
    ),
    "llrp": Entry(
        "drivers.llrp.driver:LlrpDriver",
        "drivers.llrp.settings:Settings",
        "drivers.llrp.settings:PortSettings",
        numbered=True,
        signals=r"gpi[1-9]\d*",
        outputs=True,
    ),
    "modbus": Entry(
        "drivers.modbus.driver:ModbusDriver",
        "drivers.modbus.settings:Settings",
        "drivers.modbus.settings:PortSettings",
        reads=False,
    ),
    "nmea": Entry(
        "drivers.nmea.driver:NmeaDriver",
        "drivers.nmea.settings:Settings",
        "drivers.nmea.settings:PortSettings",
        reads=False,
        whole=False,
    ),
}


def names() -> list[str]:
    """Names of our own drivers."""
    return sorted(_OWN)


def installed() -> list[str]:
    """Names that other distributions declare in the group `readpoint.drivers`; nothing of theirs is imported."""
    return sorted(_others().keys() - _OWN.keys())


def origin(name: str) -> str:
    """Which distributions bring an installed driver, as `acme-desk 1.0`. KeyError if there is none."""
    dists = (point.dist for point in _others()[name])
    return " and ".join(f"{dist.name} {dist.version}" if dist is not None else "?" for dist in dists)


def entry(name: str) -> Entry:
    """The entry of that name. KeyError if there is none; ImportError, AttributeError, TypeError if it is broken.

    One of another distribution is imported here: ask only for what the configuration lists.
    """
    if name in _OWN:
        return _OWN[name]
    points = _others()[name]
    if len(points) > 1:
        raise TypeError(f"{origin(name)} both bring it, uninstall one")
    found = points[0].load()
    if not isinstance(found, Entry):
        raise TypeError(f"its entry point {points[0].value} is no drivers.registry.Entry")
    return found


@cache
def _others() -> dict[str, list[EntryPoint]]:
    """Looked for once: what is installed does not change while a process runs, and looking takes milliseconds."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group="readpoint.drivers"):
        found.setdefault(point.name, []).append(point)
    return found


def _load(path: str) -> object:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
