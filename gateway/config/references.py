"""What must fit together: names that point at something, sides of portals, one segment for a read point.

It looks at the tree, not at the checked values: a mistake elsewhere in the file hides none of these.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.config.document import Key, Node
from gateway.config.findings import Findings
from gateway.config.nearest import did_you_mean, listed
from gateway.config.site import Device
from gateway.config.variants import Variant, known, usable

Loc = tuple[Key, ...]


class Feed(NamedTuple):
    """An antenna, or a whole device, at its read point; `loc` is where the read point's name stands."""

    device: Key
    antenna: Key | None
    read_point: str
    side: str | None
    loc: Loc


class _Names(NamedTuple):
    segments: dict[Key, Node]
    read_points: dict[Key, Node]
    devices: dict[Key, Node]
    gates: set[object]
    drivers: tuple[str, ...]


def check_references(root: Node, findings: Findings) -> None:
    """Adds every mistake and every oddity between the parts of the site."""
    points = _items(root, "read_points")
    gates: set[object] = {gate.text("device") for point in points.values() if (gate := point.get("gate"))}
    names = _Names(_items(root, "segments"), points, _items(root, "devices"), gates, usable(root))
    found = list(feeds(names.devices))
    by_point: dict[str, list[Feed]] = defaultdict(list)
    for feed in found:
        by_point[feed.read_point].append(feed)
    for device, node in names.devices.items():
        _segment(device, node, names, findings)
        _placed(device, node, names, findings)
    for feed in found:
        _feed(feed, names, findings)
    for name, node in names.read_points.items():
        _gate(name, node, names, findings)
        _neighbours(name, node, names, findings)
        _by_direction(name, node, findings)
        _no_effect(name, node, findings)
        _sides(name, node, by_point.get(str(name), []), findings)
    _one_segment(found, names, findings)
    _same(names, findings)
    _unused(found, names, findings)


def feeds(devices: dict[Key, Node]) -> Iterator[Feed]:
    """Where the devices' antennas stand, as far as the file says so."""
    for device, node in devices.items():
        point = node.text("read_point")
        if point is not None:
            yield Feed(device, None, point, node.text("side"), ("devices", device, "read_point"))
        for antenna, item in _items(node, "antennas").items():
            loc: Loc = ("devices", device, "antennas", antenna)
            point = item.text("read_point")
            if isinstance(item.value, str):
                yield Feed(device, antenna, item.value, None, loc)
            elif point is not None:
                yield Feed(device, antenna, point, item.text("side"), (*loc, "read_point"))


def _items(node: Node, key: str) -> dict[Key, Node]:
    inner = node.get(key)
    return inner.items if inner is not None and inner.kind == "mapping" else {}


def _segment(device: Key, node: Node, names: _Names, findings: Findings) -> None:
    segment = node.text("segment")
    if segment is not None and segment not in names.segments:
        hint = did_you_mean(segment, names.segments)
        text = f"there is no segment '{segment}'; the segments are {listed(names.segments)}{hint}"
        findings.error("unknown-segment", ("devices", device, "segment"), text)


def _given(node: Node, key: Key) -> bool:
    """Whether something stands there, and not nothing, or a mapping of nothing."""
    inner = node.get(key)
    return inner is not None and (bool(inner.items) if inner.kind == "mapping" else inner.value is not None)


def _placed(device: Key, node: Node, names: _Names, findings: Findings) -> None:
    loc: Loc = ("devices", device)
    whole, antennas = _given(node, "read_point"), _given(node, "antennas")
    if whole and antennas:
        text = "either read_point for the whole device, or antennas: remove one"
        findings.error("both-given", (*loc, "read_point"), text, at_key=True)
    kind = known(node.text("driver"), names.drivers)
    if kind is not None and not kind.entry.whole and whole:
        text = f"a device of {node.text('driver')} is at no read point as a whole: write antennas, each with its own"
        findings.error("no-read-point", (*loc, "read_point"), text, at_key=True)
    if whole or antennas or device in names.gates or kind is None:
        return
    if kind.entry.reads:
        text = "where does it read? write read_point: NAME, or antennas: with a read point for each"
        findings.error("no-read-point", loc, text, at_key=True)


def _feed(feed: Feed, names: _Names, findings: Findings) -> None:
    point = names.read_points.get(feed.read_point)
    if point is None:
        hint = did_you_mean(feed.read_point, names.read_points)
        text = f"there is no read point '{feed.read_point}'; the read points are {listed(names.read_points)}{hint}"
        findings.error("unknown-read-point", feed.loc, text)
        return
    kind = point.text("kind")
    if kind == "portal" and feed.side is None:
        at = f"{{read_point: {feed.read_point}, side: inside}}" if feed.antenna is not None else "side: inside"
        text = f"'{feed.read_point}' is a portal: say on which side this antenna stands, as in {at}"
        findings.error("side-missing", feed.loc, text)
    elif kind in {"zone", "checkpoint"} and feed.side is not None:
        text = f"'{feed.read_point}' is a {kind}: a side means nothing there"
        findings.warn("no-effect", (*feed.loc[:-1], "side"), text, at_key=True)


def _gate(name: Key, node: Node, names: _Names, findings: Findings) -> None:
    gate = node.get("gate")
    device = gate.text("device") if gate is not None else None
    if device is not None and device not in names.devices:
        hint = did_you_mean(device, names.devices)
        text = f"there is no device '{device}'; the devices are {listed(names.devices)}{hint}"
        findings.error("unknown-device", ("read_points", name, "gate", "device"), text)
    elif gate is not None and device is not None:
        _signal(name, gate, known(names.devices[device].text("driver"), names.drivers), findings)


def _signal(name: Key, gate: Node, kind: Variant | None, findings: Findings) -> None:
    """A gate whose signal never comes would let nothing pass, silently."""
    signal, pattern = gate.text("signal"), kind.entry.signals if kind is not None else None
    if signal and pattern and not re.fullmatch(pattern, signal):
        text = f"'{gate.text('device')}' gives no signal '{signal}': its signals look like {pattern}"
        findings.error("unknown-signal", ("read_points", name, "gate", "signal"), text)


def _neighbours(name: Key, node: Node, names: _Names, findings: Findings) -> None:
    kind = node.text("kind")
    others = [
        key
        for key, point in names.read_points.items()
        if key != name and (kind == "checkpoint" or point.text("kind") == "portal")
    ]
    what = "portals" if kind != "checkpoint" else "read points"
    items = node.get("neighbours")
    for at, item in (items.items if items is not None and items.kind == "sequence" else {}).items():
        if not isinstance(item.value, str) or item.value in others:
            continue
        loc: Loc = ("read_points", name, "neighbours", at)
        if item.value not in names.read_points:
            hint = did_you_mean(item.value, others)
            text = f"there is no read point '{item.value}'; the other {what} are {listed(others)}{hint}"
            findings.error("unknown-read-point", loc, text)
        else:
            wrong = "this read point itself" if item.value == name else "no portal"
            text = f"'{item.value}' is {wrong}: name other {what} whose antennas hear this one"
            findings.error("bad-value", loc, text)


def check_signals(root: Node, devices: Mapping[str, Device], findings: Findings) -> None:
    """Adds every gate whose signal its device's settings, which are right, do not name."""
    for name, node in _items(root, "read_points").items():
        gate = node.get("gate")
        signal = gate.text("signal") if gate is not None else None
        device = devices.get(str(gate.text("device"))) if gate is not None else None
        names = device.settings.signal_names(device.ports) if device is not None else None
        if device is not None and signal and names is not None and signal not in names:
            there = f"its signals are {listed(sorted(names))}{did_you_mean(signal, names)}"
            text = f"'{device.name}' gives no signal '{signal}': {there if names else 'its settings name none'}"
            findings.error("unknown-signal", ("read_points", name, "gate", "signal"), text)


def _by_direction(name: Key, node: Node, findings: Findings) -> None:
    kind = node.text("kind")
    for key in ("location", "biz_step", "disposition"):
        value = node.get(key)
        if kind in {"zone", "checkpoint"} and value is not None and value.kind == "mapping":
            text = f"by direction only at a portal: at a {kind} write one text"
            findings.error("wrong-type", ("read_points", name, key), text, at_key=True)


_ONLY_AT = {
    "dedup": {"checkpoint"},
    "dedup_class": {"checkpoint"},
    "dwell": {"zone"},
    "hysteresis_db": {"zone"},
    "presence_timeout": {"zone"},
    "gate": {"checkpoint", "portal"},
    "neighbours": {"checkpoint", "portal"},
    "peak_wait": {"checkpoint"},
}


def _no_effect(name: Key, node: Node, findings: Findings) -> None:
    kind = node.text("kind")
    for key, kinds in _ONLY_AT.items():
        if node.get(key) is not None and kind in {"zone", "portal", "checkpoint"} - kinds:
            text = f"has an effect only at a {' or '.join(sorted(kinds))}; this is a {kind}"
            findings.warn("no-effect", ("read_points", name, key), text, at_key=True)


def _sides(name: Key, node: Node, found: list[Feed], findings: Findings) -> None:
    sides = {feed.side for feed in found if feed.side is not None}
    if node.text("kind") == "portal" and len(sides) == 1 and all(feed.side for feed in found):
        text = f"all its antennas stand {sides.pop()}: the direction of a passage cannot be told"
        findings.warn("one-sided-portal", ("read_points", name), text, at_key=True)


def _one_segment(found: list[Feed], names: _Names, findings: Findings) -> None:
    """Security zones share nothing: a read point has the devices of one."""
    uses: dict[Key, list[tuple[Key, Loc, str]]] = defaultdict(list)
    for feed in found:
        uses[feed.read_point].append((feed.device, feed.loc, "fed"))
    for key, point in names.read_points.items():
        gate = point.get("gate")
        gating = gate.text("device") if gate is not None else None
        if gating is not None:
            uses[key].append((gating, ("read_points", key, "gate", "device"), "gated"))
    for name, users in uses.items():
        first: tuple[Key, str] | None = None
        for device, loc, verb in users:
            node = names.devices.get(device)
            segment = node.text("segment") if node is not None else None
            if segment not in names.segments or segment is None:
                continue
            first = first or (device, segment)
            if segment != first[1]:
                text = f"'{name}' would be {verb} from segment '{segment}', but '{first[0]}' is in '{first[1]}'"
                findings.error("two-segments", loc, f"{text}: segments share nothing; give each its own read point")


def _same(names: _Names, findings: Findings) -> None:
    uris: dict[str, Key] = {}
    for name, node in names.read_points.items():
        uri = node.text("uri")
        if uri is not None and uris.setdefault(uri, name) != name:
            text = f"read point '{uris[uri]}' has the same uri: events could not be told apart"
            findings.error("same-uri", ("read_points", name, "uri"), text)
    listens: dict[str, Key] = {}
    for name, node in names.devices.items():
        listen = node.text("listen")
        if listen is not None and listens.setdefault(listen, name) != name:
            text = f"device '{listens[listen]}' listens there already: choose another port"
            findings.error("bad-value", ("devices", name, "listen"), text)
    hosts: dict[tuple[object, ...], Key] = {}
    for name, node in names.devices.items():
        port = node.get("port")
        host = (node.text("driver"), node.text("host"), port.value if port is not None else None)
        if host[1] is not None and hosts.setdefault(host, name) != name:
            text = f"device '{hosts[host]}' has the same address: most devices talk to one client at a time"
            findings.warn("same-host", ("devices", name, "host"), text)


def _unused(found: list[Feed], names: _Names, findings: Findings) -> None:
    fed = {feed.read_point for feed in found}
    for name in names.read_points:
        if name not in fed:
            text = "no device feeds it: it will never have an event"
            findings.warn("unused-read-point", ("read_points", name), text, at_key=True)
    busy = {node.text("segment") for node in names.devices.values()}
    for segment in names.segments if names.devices else ():
        if segment not in busy:
            findings.warn("unused-segment", ("segments", segment), "no device belongs to it", at_key=True)
