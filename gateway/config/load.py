"""A configuration file → a site, or every mistake in it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.config import models, site
from gateway.config.build import build
from gateway.config.devices import check_devices, validate
from gateway.config.document import MAX_BYTES, Node, find, parse, plain
from gateway.config.findings import Findings
from gateway.config.folders import check_folders
from gateway.config.identities import check_identities
from gateway.config.outputs import check_outputs
from gateway.config.problem import Code, ConfigError, Problem
from gateway.config.references import Feed, check_references, check_signals, feeds
from gateway.config.security import check_devices_links, check_files, check_links, check_needed
from gateway.config.serial_ports import check_present_ports, check_shared_ports
from gateway.identity.mapping import IdentityMap

__all__ = ["ConfigError", "Loaded", "Problem", "load"]


class Loaded(NamedTuple):
    """A site, and what is odd about it but no mistake."""

    site: site.Site
    warnings: list[Problem]


def load(
    path: Path,
    *,
    segments: Collection[str] | None = None,
    files: bool = True,
    identities: bool = True,
    ports: bool = False,
    before: site.Site | None = None,
) -> Loaded:
    """Reads and checks a whole file. ConfigError holds every mistake; nothing else is raised.

    `segments`: the ones this process runs; certificates and identity maps of the others are not looked at. Default:
    all. Without `files` no certificate is, without `identities` no map: for those who only read the site, elsewhere or
    without its keys. With `ports` a serial port that is not there is a mistake: for who runs, it is a device that is
    off. Maps whose file is as it was for `before` are its own.
    """
    data = _read(path)
    root, flaws = parse(data)
    findings = Findings(str(path), root)
    for flaw in flaws:
        findings.flaw(flaw)
    resolved = path.resolve()
    found: site.Site | None = None
    if root is not None:
        known = [] if before is None else [one.identities for one in before.segments.values()]
        maps = check_identities(root, resolved.parent, segments if identities else (), findings, known)
        digest = hashlib.sha256(data).hexdigest()
        found = _check(root, resolved, segments if files else (), findings, digest, maps, ports=ports)
    if findings.errors or found is None:
        raise ConfigError(findings.errors, findings.warnings)
    return Loaded(found, findings.warnings)


def _check(
    root: Node,
    path: Path,
    segments: Collection[str] | None,
    findings: Findings,
    digest: str,
    identities: Mapping[str, IdentityMap],
    *,
    ports: bool,
) -> site.Site | None:
    checked = validate(models.Site, root, (), findings)
    devices = check_devices(root, findings)
    check_references(root, findings)
    check_signals(root, devices, findings)
    check_outputs(root, findings)
    check_links(root, findings)
    check_devices_links(devices, root, findings)
    check_files(root, path.parent, segments, findings)
    check_folders(root, path.parent, segments, findings)
    check_needed(devices, path.parent, segments, findings)
    check_shared_ports(devices, findings)
    if ports:
        check_present_ports(devices, findings)
    if checked is None or findings.errors:
        return None
    node = root.get("devices")
    fed = {feed: _port_keys(root, feed) for feed in feeds(node.items if node is not None else {})}
    return build(checked, devices, fed, path, digest, identities)


def _port_keys(root: Node, feed: Feed) -> models.PortKeys:
    """The shared keys of an antenna that was found right."""
    names = models.PortKeys.model_fields
    place = feed.loc[:-1] if feed.loc[-1] == "read_point" else feed.loc
    node, _, _ = find(root, place)
    if node.kind == "scalar":
        return models.PortKeys(read_point=feed.read_point)
    return models.PortKeys.model_validate({key: plain(item) for key, item in node.items.items() if key in names})


def _read(path: Path) -> bytes:
    """At most one byte more than a file may have."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _refused(path, "file-missing", "there is no such file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _refused(path, "file-unreadable", f"cannot be read: {reason}") from error


def _refused(path: Path, code: Code, text: str) -> ConfigError:
    return ConfigError([Problem(str(path), 1, 1, code, "", text)])
