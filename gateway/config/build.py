"""Checked values → the frozen site that the gateway runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config import models, site
from gateway.config.references import Feed
from gateway.config.values import parse_listen, parse_url
from gateway.identity.mapping import IdentityMap
from gateway.model import ByDirection, Gate, Port, ReadPoint, Rules


def build(
    checked: models.Site,
    devices: Mapping[str, site.Device],
    ports: Mapping[Feed, models.PortKeys],
    path: Path,
    digest: str,
    identities: Mapping[str, IdentityMap],
) -> site.Site:
    """The whole site; paths become absolute, relative to the folder of `path`."""
    base = path.parent
    points = {name: _read_point(name, point) for name, point in checked.read_points.items()}
    placed = tuple(_port(feed, keys) for feed, keys in ports.items())
    gateway = checked.gateway
    return site.Site(
        gateway=site.Gateway(
            id=gateway.id,
            site=gateway.site,
            timezone=gateway.timezone,
            identifiers=gateway.identifiers,
            state_dir=base / gateway.state_dir,
            run_dir=base / gateway.run_dir,
            metrics=_metrics(gateway.metrics, base),
        ),
        segments={
            name: _segment(name, segment, base, _rules(name, segment, points, placed, devices), identities.get(name))
            for name, segment in checked.segments.items()
        },
        read_points=points,
        devices=dict(devices),
        path=path,
        digest=digest,
    )


def _metrics(metrics: models.Metrics, base: Path) -> site.Metrics:
    return site.Metrics(
        listen=parse_listen(metrics.listen) if metrics.listen else None,
        textfile=base / metrics.textfile if metrics.textfile else None,
    )


def _port(feed: Feed, keys: models.PortKeys) -> Port:
    return Port(
        device=str(feed.device),
        antenna=feed.antenna,
        read_point=feed.read_point,
        side=keys.side,
        rssi_offset_db=float(keys.rssi_offset_db),
        rssi_floor_dbm=keys.rssi_floor_dbm,
    )


def _rules(
    name: str,
    segment: models.Segment,
    points: Mapping[str, ReadPoint],
    placed: tuple[Port, ...],
    devices: Mapping[str, site.Device],
) -> Rules:
    """Ports of that segment's devices, and the read points they feed."""
    ports = tuple(port for port in placed if devices[port.device].segment == name)
    fed = {port.read_point for port in ports}
    return Rules(
        read_points={key: point for key, point in points.items() if key in fed},
        ports=ports,
        accept=segment.accept,
        raw=segment.raw,
    )


def _segment(
    name: str, segment: models.Segment, base: Path, rules: Rules, identities: IdentityMap | None
) -> site.Segment:
    return site.Segment(
        name=name,
        uplink=_uplink(segment.uplink, base),
        outbox=site.Outbox(**segment.outbox.model_dump()),
        device_interface=segment.device_interface,
        plain_devices=segment.plain_devices,
        rules=rules,
        identities=identities,
    )


def _uplink(uplink: models.Uplink, base: Path) -> site.Uplink:
    url = parse_url(uplink.url)
    tls = {key: base / name for key, name in uplink.tls.model_dump().items() if name}
    same = uplink.model_dump(exclude={"url", "tls", "insecure_ok"})
    return site.Uplink(host=url.host, port=url.port, secure=url.secure, tls=site.Tls(**tls), **same)


def _read_point(name: str, point: models.ReadPoint) -> ReadPoint:
    """Field by field of the same name; a gate and values by direction become the model's own types."""
    values = {field: getattr(point, field) for field in models.ReadPoint.model_fields}
    for field in ("location", "biz_step", "disposition"):
        values[field] = ByDirection(into=values[field].into, out=values[field].out)
    if point.gate is not None:
        values["gate"] = Gate(**point.gate.model_dump())
    return ReadPoint(name=name, **values)
