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
from gateway.config.references import feeds
from gateway.config.signals import SwitchedKeys, rules
from gateway.config.variants import AnyDevice, AnyPort, Variant, known, likely, own_values, trouble, usable
from gateway.signals import Rule

_Model = TypeVar("_Model", bound=BaseModel)

CONTEXT = {"file": True}
"""Tells the contract's types that a bare number has no unit."""


def check_devices(root: Node, findings: Findings) -> dict[str, site.Device]:
    """The devices that are right; of the others all mistakes."""
    drivers = usable(root)
    _listed(root.get("drivers"), findings)
    node = root.get("devices")
    if node is None or node.kind != "mapping":
        return {}
    return {
        str(name): device for name, item in node.items.items() if (device := _device(name, item, drivers, findings))
    }


def _listed(node: Node | None, findings: Findings) -> None:
    """The drivers of other distributions that the site wants."""
    for index, item in node.items.items() if node is not None and node.kind == "sequence" else ():
        name, there = item.value, registry.installed()
        if name in registry.names():
            findings.warn("no-effect", ("drivers", index), f"'{name}' is a driver of readpoint: it needs no line here")
        elif isinstance(name, str) and name not in there:
            text = f"no installed distribution brings a driver '{name}'; there are {listed(there)}"
            remedy = "install it into the environment that readpoint runs in"
            findings.error("unknown-driver", ("drivers", index), f"{text}{did_you_mean(name, there) or f'; {remedy}'}")


def _device(name: Key, node: Node, drivers: tuple[str, ...], findings: Findings) -> site.Device | None:
    loc: tuple[Key, ...] = ("devices", name)
    if node.kind != "mapping":
        validate(DeviceKeys, node, loc, findings)
        return None
    kind = _variant(node, loc, drivers, findings)
    shared = validate(kind.device if kind else AnyDevice, node, loc, findings, _elsewhere(kind))
    ports = _ports(kind, node.get("antennas"), (*loc, "antennas"), findings)
    if shared is None or kind is None or known(shared.driver, drivers) is None:
        return None
    values = cast("dict[object, object]", plain(node))
    settings = kind.entry.settings_type().model_validate(own_values(values, kind.shared), context=CONTEXT)
    for place, text in settings.flaws(str(name), ports):
        findings.error("bad-value", (*loc, *place), text)
    return site.Device(str(name), shared.driver, shared.segment, settings, ports, _signals(shared, name, node))


def _signals(shared: DeviceKeys, name: Key, node: Node) -> tuple[Rule, ...]:
    given = shared.signals if isinstance(shared, SwitchedKeys) else None
    return rules(given, frozenset(feed.read_point for feed in feeds({name: node}))) if given else ()


def _elsewhere(kind: Variant | None) -> dict[str, str]:
    """The keys that people write at the device although they belong to each antenna, or to other devices."""
    keys = fields(kind.port if kind else PortKeys)
    others = {"signals": f"only devices with outputs have them: those of {listed(_switched())}"}
    return others | {
        key: f"it belongs to an antenna, as in antennas: {{1: {{read_point: NAME, {key}: …}}}}" for key in keys
    }


def _switched() -> list[str]:
    return [name for name in registry.names() if registry.entry(name).outputs]


def _variant(node: Node, loc: tuple[Key, ...], drivers: tuple[str, ...], findings: Findings) -> Variant | None:
    """The settings of the device's driver; of the one probably meant where there is none of that name."""
    driver, place = node.text("driver"), (*loc, "driver")
    kind = known(driver, drivers)
    if kind is not None or driver is None:
        return kind or likely(driver, node.items, drivers)
    if driver in drivers:
        text = f"driver '{driver}' is installed but cannot be loaded ({trouble(driver)}): install it again"
        findings.error("unknown-driver", place, text)
        return None
    if driver in registry.installed():
        _unlisted(driver, drivers, place, findings)
        return None
    text = f"there is no driver '{driver}'; the drivers are {listed(drivers)}{did_you_mean(driver, drivers)}"
    findings.error("unknown-driver", place, text)
    return likely(driver, node.items, drivers)


def _unlisted(driver: str, drivers: tuple[str, ...], place: tuple[Key, ...], findings: Findings) -> None:
    """Code of others runs only where somebody has said so: it is not even imported to look at its settings."""
    line = ", ".join(sorted({driver, *drivers} - {*registry.names()}))
    text = f"driver '{driver}' is not readpoint's own: it comes with {registry.origin(driver)}"
    remedy = f"if you trust it, put this line at the top level of the file: drivers: [{line}]"
    findings.error("unlisted-driver", place, f"{text}; {remedy}")


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
