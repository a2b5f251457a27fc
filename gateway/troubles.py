"""What of a segment needs a person: the exit code of `status`, and what `/healthz` says."""

from __future__ import annotations

from gateway.overview import Overview

_ALARM = 0.70
"""Share of the outbox's quota from which a person should know."""


def troubles(overview: Overview) -> list[str]:
    """What a person should look at, a sentence each."""
    found = [
        f"{device.device}: {device.state}: {device.cause}" for device in overview.devices if device.state != "online"
    ]
    if overview.uplink.state != "online":
        found.append(f"uplink {overview.uplink.state}: {overview.uplink.cause}")
    if overview.uplink.alarm:
        found.append(f"uplink: {overview.uplink.alarm}")
    if overview.outbox.full:
        found.append(f"outbox full: {overview.outbox.cause}")
    if overview.outbox.size >= _ALARM * overview.outbox.max_size > 0:
        share = overview.outbox.size / overview.outbox.max_size
        found.append(f"outbox {share:.0%} used: look at the uplink, or raise outbox.max_size")
    if overview.outbox.saved:
        found.append(f"outbox: {overview.outbox.saved}")
    if overview.outbox.dead:
        found.append(f"{overview.outbox.dead} events were given up: see `readpoint outbox dead`")
    if overview.location.shedding:
        found.append(f"{overview.location.dropped} reads were shed: more arrived than this box can take")
    if overview.clock.alarm:
        found.append(overview.clock.alarm)
    return found
