"""One model per driver: what every device has, together with the driver's own settings."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple, TypeVar, cast

from pydantic import BaseModel, ConfigDict, create_model

from drivers import registry
from drivers.contract import Settings
from gateway.config.document import Node
from gateway.config.explain import fields
from gateway.config.models import DeviceKeys, PortKeys
from gateway.config.nearest import nearest
from gateway.config.signals import SwitchedKeys

_Shared = TypeVar("_Shared", bound=Settings)


class Variant(NamedTuple):
    """The mappings of a device and of one of its antennas, as a driver takes them."""

    entry: registry.Entry
    device: type[DeviceKeys]
    port: type[PortKeys]
    shared: type[DeviceKeys]
    """The keys of a device that are not its driver's own."""

    @property
    def may_encrypt(self) -> bool:
        """Whether its devices speak over a network that TLS could protect: then `host` and `tls` are its keys."""
        return {"host", "tls"} <= fields(self.device).keys()


class AnyDevice(DeviceKeys):
    """A device whose driver nobody knows: what it shares with all others can still be judged."""

    model_config = ConfigDict(extra="ignore")


class AnyPort(PortKeys):
    """An antenna of such a device."""

    model_config = ConfigDict(extra="ignore")


@lru_cache
def variant(driver: str) -> Variant:
    """What a device with that driver may have. KeyError if there is no such driver."""
    entry = registry.entry(driver)
    settings, ports = entry.settings_type(), entry.ports_type()
    # Those of others are held to the contract observation by observation; what is written to them is not.
    shared = SwitchedKeys if entry.outputs and driver in registry.names() else DeviceKeys
    device = _joined(f"{driver} device", shared, settings)
    port = _joined(f"{driver} antenna", PortKeys, ports)
    return Variant(entry, device, port, shared)


def usable(root: Node) -> tuple[str, ...]:
    """Names of the drivers that a site may use: ours, and of the installed ones those that it lists."""
    listed = root.get("drivers")
    wanted = {item.value for item in listed.items.values()} if listed is not None else set()
    return tuple(sorted((*registry.names(), *(name for name in registry.installed() if name in wanted))))


def known(driver: object, among: Collection[str]) -> Variant | None:
    """What a device with that driver may have, if it is `among` the usable ones and can be loaded."""
    return variant(driver) if isinstance(driver, str) and driver in among and not trouble(driver) else None


@lru_cache
def trouble(driver: str) -> str:
    """Why an installed driver cannot be loaded; nothing if it can."""
    try:
        variant(driver)
    except (ImportError, AttributeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _joined(name: str, shared: type[_Shared], own: type[Settings]) -> type[_Shared]:
    return cast("type[_Shared]", create_model(name, __base__=(shared, own), __doc__=own.__doc__))


def likely(driver: object, keys: Collection[object], among: Collection[str]) -> Variant | None:
    """The driver that was probably meant: by its name, else the one that knows most of these keys, at least half."""
    names = [name for name in among if not trouble(name)]
    by_name = nearest(driver, names)
    if by_name:
        return variant(by_name)
    own = set(keys) - fields(SwitchedKeys).keys()
    able = [name for name in names if _needed(name) <= own]
    best = max(able, key=lambda name: len(own & _own(name)), default=None)
    return variant(best) if best and 2 * len(own & _own(best)) >= len(own) else None


def _own(driver: str) -> set[object]:
    return set(fields(registry.entry(driver).settings_type()))


def _needed(driver: str) -> set[object]:
    """Its keys without a default."""
    settings = registry.entry(driver).settings_type()
    return {name for name, field in settings.model_fields.items() if field.is_required()}


def own_values(values: dict[object, object], shared: type[BaseModel]) -> dict[object, object]:
    """What is left for the driver when the gateway has taken its keys out."""
    taken = fields(shared).keys()
    return {key: value for key, value in values.items() if key not in taken}
