"""The BLE driver: what is set, as rules; one opening after another."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from drivers.ble.condition import Condition
from drivers.ble.pseudonyms import Pseudonyms
from drivers.ble.scanning import Scanning
from drivers.ble.settings import PortSettings, Settings
from drivers.ble.told import Telling
from drivers.ble.tracker import Rules
from drivers.contract import Antenna, Batch, Context, Rejected


class BleDriver:
    """The adapters of one box. `open` may be called again after it ended."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._ports = ports
        self._context = context
        self._pseudonyms = Pseudonyms(secrets.token_bytes(32))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: at least one adapter scans. Raises `DriverError`, here or while iterating."""
        condition = Condition(self._pseudonyms)
        scanning = Scanning(
            self._settings, self._adapters(), self._rules(), condition, self._context, named=bool(self._ports)
        )
        try:
            await scanning.start()
            yield scanning
        finally:
            await scanning.stop()

    def _adapters(self) -> list[str]:
        named = [str(port) for port in self._ports]
        adapter = self._settings.adapter
        if adapter is not None and named and adapter not in named:
            raise Rejected(f"adapter: {adapter} is none of its antennas ({', '.join(named)}): remove adapter")
        return named or [adapter or "hci0"]

    def _rules(self) -> Rules:
        settings, telemetry = self._settings, self._settings.telemetry
        return Rules(
            frozenset(settings.formats),
            frozenset(settings.addresses),
            settings.names,
            {address: self._key(address, ref) for address, ref in settings.keys.items()},
            Telling(telemetry.min_interval, telemetry.max_interval, telemetry.deadband),
            settings.max_tags,
        )

    def _key(self, address: str, ref: str) -> bytes:
        try:
            key = bytes.fromhex(self._context.secret(ref).strip())
        except ValueError:
            key = b""
        if len(key) != 16:
            raise Rejected(f"keys: {ref}, the key of {address}, is not 32 hex digits")
        return key
