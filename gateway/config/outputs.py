"""Whether what the outputs of devices are to show can ever be shown, and not two things at once.

It looks at the tree, as `references` does: a mistake elsewhere in the file hides none of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gateway.config.document import Key, Node
from gateway.config.findings import Findings
from gateway.config.nearest import did_you_mean, listed
from gateway.config.references import feeds
from gateway.signals import EVENTS, Event

Loc = tuple[Key, ...]


class _Rule(NamedTuple):
    event: Event
    loc: Loc
    node: Node


_HAPPENS_AT: dict[Event, str] = {
    "arrived": "zone",
    "moved": "zone",
    "departed": "zone",
    "passed": "portal",
    "unknown": "portal",
    "observed": "checkpoint",
}


def check_outputs(root: Node, findings: Findings) -> None:
    """Adds what does not fit together in the signals of each device."""
    for device, node in _items(root.get("devices")):
        found = list(_rules(device, node))
        own = [feed.read_point for feed in feeds({device: node})]
        for rule in found:
            _points(rule, own, node, root, findings)
        _inverted(found, findings)


def _items(node: Node | None) -> Iterator[tuple[Key, Node]]:
    if node is not None and node.kind == "mapping":
        yield from node.items.items()


def _rules(device: Key, node: Node) -> Iterator[_Rule]:
    for key, given in _items(node.get("signals")):
        loc: Loc = ("devices", device, "signals", key)
        for event in (event for event in EVENTS if event == key):
            if given.kind == "sequence":
                yield from (_Rule(event, (*loc, index), item) for index, item in given.items.items())
            else:
                yield _Rule(event, loc, given)


def _points(rule: _Rule, own: Collection[str], device: Node, root: Node, findings: Findings) -> None:
    named = rule.node.get("read_points")
    if rule.event == "offline":
        if named is not None:
            text = "'offline' is of the whole segment: read points mean nothing there"
            findings.warn("no-effect", (*rule.loc, "read_points"), text, at_key=True)
        return
    if named is None and not own:
        text = f"of which read point? this device feeds none: write {{gpo: …, read_points: [NAME]}} for '{rule.event}'"
        findings.error("no-read-point", rule.loc, text, at_key=True)
    known = dict(_items(root.get("read_points")))
    there = {str(item.value): (*rule.loc, "read_points", index) for index, item in _members(named)}
    for name, loc in there.items():
        _named(name, loc, device, root, findings)
    kinds = {kind for name in there or own if name in known and (kind := known[name].text("kind"))}
    if kinds and _HAPPENS_AT[rule.event] not in kinds:
        text = f"'{rule.event}' happens only at a {_HAPPENS_AT[rule.event]}; here is {listed(sorted(kinds))}"
        findings.warn("no-effect", rule.loc, f"{text}: it is never on", at_key=True)


def _members(node: Node | None) -> Iterator[tuple[Key, Node]]:
    if node is not None and node.kind == "sequence":
        yield from node.items.items()


def _named(name: str, loc: Loc, device: Node, root: Node, findings: Findings) -> None:
    """Segments share nothing: what happens in another one is not known here."""
    known = dict(_items(root.get("read_points")))
    if name not in known:
        text = f"there is no read point '{name}'; the read points are {listed(known)}{did_you_mean(name, known)}"
        findings.error("unknown-read-point", loc, text)
        return
    segments = {
        other.text("segment")
        for key, other in _items(root.get("devices"))
        if any(feed.read_point == name for feed in feeds({key: other}))
    }
    if segments and device.text("segment") not in segments:
        text = f"'{name}' is read in segment {listed(sorted(filter(None, segments)))}: segments share nothing"
        findings.error("two-segments", loc, text)


def _inverted(found: list[_Rule], findings: Findings) -> None:
    """An output is inverted for all its rules, or for none."""
    by_output: dict[object, list[_Rule]] = defaultdict(list)
    for rule in found:
        gpo = rule.node.get("gpo")
        by_output[gpo.value if gpo is not None else None].append(rule)
    for number, some in by_output.items():
        odd = [rule for rule in some if _is_inverted(rule)]
        others = [rule.event for rule in some if not _is_inverted(rule)]
        if number is not None and odd and others:
            text = f"output {number} is inverted here and not in '{others[0]}'"
            findings.error(
                "bad-value", (*odd[0].loc, "invert"), f"{text}: an output is inverted everywhere, or nowhere"
            )


def _is_inverted(rule: _Rule) -> bool:
    invert = rule.node.get("invert")
    return invert is not None and invert.value is True
