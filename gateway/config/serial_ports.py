"""Serial ports that devices name: whether this machine has them, and that no two devices share one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drivers import serial_ports
from gateway.config.findings import Findings
from gateway.config.nearest import did_you_mean
from gateway.config.site import Device


def check_shared_ports(devices: Mapping[str, Device], findings: Findings) -> None:
    """Adds every port that a device above has already: the second one would never open it."""
    first: dict[str, str] = {}
    for name, device in devices.items():
        for key, port in device.settings.serial_ports.items():
            other = first.setdefault(port, name)
            if other != name:
                text = f"device '{other}' has this port already: a serial port serves one device"
                findings.error("same-port", ("devices", name, key), text)


def check_present_ports(devices: Mapping[str, Device], findings: Findings) -> None:
    """Adds every port that this machine does not have now. One with a lasting name may only be unplugged."""
    ports = serial_ports.present()
    for name, device in devices.items():
        for key, port in device.settings.serial_ports.items():
            if Path(port).exists():
                continue
            loc = ("devices", name, key)
            there = f"{serial_ports.listed(ports)}{did_you_mean(port, ports)}"
            if port.startswith(serial_ports.LASTING):
                findings.warn("unplugged-port", loc, f"{port} is not plugged in here now: {there}")
            else:
                findings.error("unknown-port", loc, f"there is no serial port {port}: {there}")
