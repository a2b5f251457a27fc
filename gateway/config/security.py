"""What would let others listen, or leave a segment without its identity: plain protocols, certificates, keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic_core import PydanticCustomError

from drivers import registry
from drivers.addresses import is_loopback
from gateway.config.document import Key, Node
from gateway.config.files import open_file
from gateway.config.findings import Findings
from gateway.config.nearest import did_you_mean, listed
from gateway.config.site import Device
from gateway.config.values import Url, parse_url
from gateway.config.variants import known, usable

Loc = tuple[Key, ...]


def check_links(root: Node, findings: Findings) -> None:
    """Adds every link that is not encrypted although nobody allowed it."""
    for name, node in _items(root, "segments"):
        uplink = node.get("uplink")
        if uplink is not None:
            _uplink(("segments", name, "uplink"), uplink, findings)
        _drivers(("segments", name, "plain_devices"), node.get("plain_devices"), usable(root), findings)
    allowed = {name: _allowed(node) for name, node in _items(root, "segments")}
    for name, node in _items(root, "devices"):
        _device(("devices", name), node, allowed, usable(root), findings)


def check_devices_links(devices: Mapping[str, Device], root: Node, findings: Findings) -> None:
    """The same of devices whose settings say themselves that they talk in plain text."""
    allowed = {name: _allowed(node) for name, node in _items(root, "segments")}
    for name, device in devices.items():
        key, driver = device.settings.plain, device.driver
        if key is not None and driver not in allowed.get(device.segment, set()):
            text = f"{driver} without TLS, and segment '{device.segment}' does not accept that: use TLS"
            findings.error(
                "plain-not-allowed", ("devices", name, key), f"{text}, or give the segment plain_devices: [{driver}]"
            )


def check_needed(
    devices: Mapping[str, Device], base: Path, segments: Collection[str] | None, findings: Findings
) -> None:
    """Adds every file that a device needs by custom, beside this file, and that is not there."""
    for name, device in devices.items():
        if segments is None or device.segment in segments:
            for place, file, remedy in device.settings.needed(name):
                _file(("devices", name, *place), base / file, findings, remedy)


def check_files(root: Node, base: Path, segments: Collection[str] | None, findings: Findings) -> None:
    """Adds every PEM file that is not there or cannot be read: of those segments alone, or of all."""
    for name, node in _items(root, "segments"):
        uplink = node.get("uplink")
        if uplink is not None and (segments is None or name in segments):
            _tls(("segments", name, "uplink", "tls"), uplink.get("tls"), base, findings)
    for name, node in _items(root, "devices"):
        if segments is None or node.text("segment") in segments:
            _tls(("devices", name, "tls"), node.get("tls"), base, findings)


def _items(root: Node, key: str) -> Iterator[tuple[Key, Node]]:
    node = root.get(key)
    if node is not None and node.kind == "mapping":
        yield from node.items.items()


def _url(uplink: Node) -> Url | None:
    try:
        return parse_url(uplink.text("url") or "")
    except PydanticCustomError:
        return None


def _uplink(loc: Loc, node: Node, findings: Findings) -> None:
    url, tls = _url(node), node.get("tls")
    given = [key for key in ("cert", "key") if tls is not None and tls.get(key) is not None]
    if len(given) == 1:
        other = "key" if given == ["cert"] else "cert"
        findings.error(
            "missing", (*loc, "tls", other), f"'{given[0]}' without '{other}': they belong together", at_key=True
        )
    if url is None:
        return
    allowed = node.get("insecure_ok")
    if not url.secure and not is_loopback(url.host) and (allowed is None or allowed.value is not True):
        text = "plain text to another machine: write mqtts://, or insecure_ok: true if everybody may listen and forge"
        findings.error("insecure-uplink", (*loc, "url"), text)
    if not url.secure and given:
        findings.warn("no-effect", (*loc, "tls"), "mqtt:// uses no TLS: write mqtts://", at_key=True)
    if url.secure and not given:
        text = "no tls.cert and tls.key: brokers of this system know a segment by its certificate"
        findings.warn("no-certificate", (*loc, "url"), text)


def _drivers(loc: Loc, node: Node | None, drivers: Collection[str], findings: Findings) -> None:
    """A word that is no driver allows nothing, and hides what was meant."""
    for index, item in node.items.items() if node is not None and node.kind == "sequence" else ():
        if isinstance(item.value, str) and item.value not in {*drivers, *registry.installed()}:
            text = f"there is no driver '{item.value}'; the drivers are {listed(drivers)}"
            findings.error("unknown-driver", (*loc, index), f"{text}{did_you_mean(item.value, drivers)}")


def _allowed(segment: Node) -> set[object]:
    drivers = segment.get("plain_devices")
    return {item.value for item in drivers.items.values()} if drivers is not None else set()


def _device(
    loc: Loc, node: Node, allowed: dict[Key, set[object]], drivers: Collection[str], findings: Findings
) -> None:
    driver, host, segment = node.text("driver"), node.text("host"), node.text("segment")
    kind = known(driver, drivers)
    if kind is None or host is None or segment not in allowed or not kind.may_encrypt:
        return
    tls = node.get("tls")
    if is_loopback(host) or (tls is not None and tls.kind == "mapping"):
        return
    if driver not in allowed[segment]:
        text = f"{driver} without TLS, and segment '{segment}' does not accept that: give the device tls:"
        findings.error("plain-not-allowed", (*loc, "host"), f"{text}, or the segment plain_devices: [{driver}]")


def _tls(loc: Loc, node: Node | None, base: Path, findings: Findings) -> None:
    for key in ("ca", "cert", "key"):
        name = node.text(key) if node is not None else None
        if name:
            _file((*loc, key), base / name, findings)


def _file(loc: Loc, path: Path, findings: Findings, remedy: str = "paths are relative to this file's folder") -> None:
    try:
        with open_file(path) as file:
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        findings.error("file-missing", loc, f"there is no file {path}: {remedy}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        findings.error("file-unreadable", loc, f"{path}: {reason}")
    else:
        if loc[-1] == "key" and mode & (stat.S_IRWXO | stat.S_IWGRP):
            text = f"others may read or change {path}: chmod 640 it, or 600"
            findings.warn("key-permissions", loc, text)
