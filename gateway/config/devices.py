"""Devices and their antennas, each judged by its own driver's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from drivers import registry
from drivers.contract import Antenna, Settings
from gateway.config import site
from gateway.config.document import Key, Node, plain
from gateway.config.explain import explain, fields
from gateway.config.findings import Findings
from gateway.config.models import DeviceKeys, PortKeys
from gateway.config.nearest import did_you_mean, listed
from gateway.config.variants import AnyDevice, AnyPort, Variant, known, likely, own_values, trouble

_Model = TypeVar("_Model", bound=BaseModel)

CONTEXT = {"file": True}
"""Tells the contract's types that a bare number has no unit."""


def check_devices(root: Node, findings: Findings) -> dict[str, site.Device]:
    """The devices that are right; of the others all mistakes."""
    node = root.get("devices")
    if node is None or node.kind != "mapping":
        return {}
    return {str(name): device for name, item in node.items.items() if (device := _device(name, item, findings))}


def _device(name: Key, node: Node, findings: Findings) -> site.Device | None:
    loc: tuple[Key, ...] = ("devices", name)
    if node.kind != "mapping":
        validate(DeviceKeys, node, loc, findings)
        return None
    kind = _variant(node, loc, findings)
    shared = validate(kind.device if kind else AnyDevice, node, loc, findings, _of_antennas(kind))
    ports = _ports(kind, node.get("antennas"), (*loc, "antennas"), findings)
    if shared is None or kind is None or known(shared.driver) is None:
        return None
    values = cast("dict[object, object]", plain(node))
    settings = kind.entry.settings_type().model_validate(own_values(values, DeviceKeys), context=CONTEXT)
    return site.Device(str(name), shared.driver, shared.segment, settings, ports)


def _of_antennas(kind: Variant | None) -> dict[str, str]:
    """The keys that people write at the device although they belong to each antenna."""
    keys = fields(kind.port if kind else PortKeys)
    return {key: f"it belongs to an antenna, as in antennas: {{1: {{read_point: NAME, {key}: …}}}}" for key in keys}


def _variant(node: Node, loc: tuple[Key, ...], findings: Findings) -> Variant | None:
    """The settings of the device's driver; of the one probably meant where there is none of that name."""
    driver, names = node.text("driver"), registry.names()
    kind = known(driver)
    if kind is not None or driver is None:
        return kind or likely(driver, node.items)
    text = f"there is no driver '{driver}'; the drivers are {listed(names)}{did_you_mean(driver, names)}"
    if driver in names:
        text = f"driver '{driver}' is installed but cannot be loaded ({trouble(driver)}): install it again"
    findings.error("unknown-driver", (*loc, "driver"), text)
    return likely(driver, node.items)


def _ports(
    kind: Variant | None, node: Node | None, loc: tuple[Key, ...], findings: Findings
) -> dict[Antenna, Settings]:
    if node is None or node.kind != "mapping":
        return {}
    ports: dict[Antenna, Settings] = {}
    for antenna, item in node.items.items():
        _antenna(kind, antenna, loc, findings)
        settings = _port(kind, item, (*loc, antenna), findings)
        if settings is not None:
            ports[antenna] = settings
    return ports


def _antenna(kind: Variant | None, antenna: Key, loc: tuple[Key, ...], findings: Findings) -> None:
    place = (*loc, antenna)
    if isinstance(antenna, int):
        if antenna < 1:
            findings.error("bad-name", place, "antennas are numbered from 1", at_key=True)
    elif kind is not None and kind.entry.numbered:
        quoted = ", without quotes" if antenna.isdecimal() else ", as printed at the port"
        findings.error("bad-name", place, f"'{antenna}' is no antenna: write its number{quoted}", at_key=True)


def _port(kind: Variant | None, node: Node, loc: tuple[Key, ...], findings: Findings) -> Settings | None:
    if isinstance(node.value, str):
        return kind.entry.ports_type()() if kind else None
    if validate(kind.port if kind else AnyPort, node, loc, findings) is None or kind is None:
        return None
    values = cast("dict[object, object]", plain(node))
    return kind.entry.ports_type().model_validate(own_values(values, PortKeys), context=CONTEXT)


def validate(
    model: type[_Model],
    node: Node,
    loc: tuple[Key, ...],
    findings: Findings,
    elsewhere: Mapping[str, str] | None = None,
) -> _Model | None:
    """The value of `node`, which stands at `loc`; None when it has mistakes, which are then in `findings`."""
    try:
        return model.model_validate(plain(node), context=CONTEXT)
    except ValidationError as error:
        explain(error, model, node, loc, findings, elsewhere)
        return None
