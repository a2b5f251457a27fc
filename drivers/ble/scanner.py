"""One adapter's scanner: bleak's, built anew as often as needed. Advertisements only; nothing is ever connected to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from bleak import BleakScanner
from bleak.args.bluez import OrPattern, OrPatternLike
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from dbus_fast.errors import DBusFastError

from drivers.ble.adverts import Advert, patterns
from drivers.ble.settings import Settings
from drivers.contract import Unreachable

# Their debug lines hold the addresses of strangers.
logging.getLogger("bleak").setLevel(logging.WARNING)
logging.getLogger("dbus_fast").setLevel(logging.WARNING)

PATIENCE: Final = 10.0
"""Seconds BlueZ may take to start or to stop a scan."""

_FAILURES: Final = (BleakError, DBusFastError, OSError, EOFError, TimeoutError)

Hear = Callable[[Advert, str], None]


class Scanner:
    """Starts, stops, starts again. `hear` takes (advertisement, adapter)."""

    def __init__(self, adapter: str, settings: Settings, hear: Hear) -> None:
        self.adapter = adapter
        self.fallback: str | None = None
        """Why it scans actively although it should not."""
        self._settings = settings
        self._hear = hear
        self._scanner: BleakScanner | None = None

    @property
    def crowd(self) -> int:
        """Senders that bleak remembers for this adapter: those BlueZ has not dropped yet."""
        return len(self._scanner.discovered_devices_and_advertisement_data) if self._scanner is not None else 0

    async def start(self) -> None:
        """Raises `Unreachable` with what to do."""
        self.fallback = None
        if self._settings.scanning == "passive":
            try:
                await self._begin(passive=True)
            except Unreachable as error:
                self.fallback = f"scans actively, for it cannot passively: {error}"
            else:
                return
        await self._begin(passive=False)

    async def _begin(self, *, passive: bool) -> None:
        if passive:
            found = patterns(self._settings.formats, self._settings.names)
            wanted: list[OrPatternLike] = [
                OrPattern(at, AdvertisementDataType(kind), content) for at, kind, content in found
            ]
            scanner = BleakScanner(
                self._heard, scanning_mode="passive", bluez={"adapter": self.adapter, "or_patterns": wanted}
            )
        else:
            scanner = BleakScanner(self._heard, bluez={"adapter": self.adapter})
        try:
            await _whole(scanner)
        except _FAILURES as error:
            raise Unreachable(reason(self.adapter, error)) from error
        self._scanner = scanner

    async def stop(self) -> None:
        """Whatever BlueZ answers: one that was restarted knows of no scan."""
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            await _end(scanner)

    def _heard(self, device: BLEDevice, said: AdvertisementData) -> None:
        _, properties = said.platform_data
        advert = Advert(
            device.address,
            said.manufacturer_data,
            said.service_data,
            said.local_name,
            said.rssi,
            properties.get("AddressType") == "random",
        )
        self._hear(advert, self.adapter)


async def _whole(scanner: BleakScanner) -> None:
    """Starts it; where that is cancelled, it scans no more when this returns.

    BlueZ scans as soon as it has the request, but only a start that came to its end can be stopped.
    """
    starting = asyncio.create_task(scanner.start(), name="ble scan starts")
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(starting)
    except TimeoutError:
        starting.cancel()
        raise
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=PATIENCE)
        if not starting.cancel() and starting.exception() is None:
            await _end(scanner)
        raise


async def _end(scanner: BleakScanner) -> None:
    with suppress(*_FAILURES):
        async with asyncio.timeout(PATIENCE):
            await scanner.stop()


def reason(adapter: str, error: BaseException) -> str:
    """What BlueZ refused, and what to do."""
    text = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return f"{adapter}: BlueZ does not answer: systemctl restart bluetooth"
    if "passive" in text:
        return "it needs bluetoothd 5.56 or later with --experimental, and Linux 5.10"
    if "not found" in text:
        return f"there is no adapter {adapter}: `bluetoothctl list` shows those there are"
    if "ServiceUnknown" in text or "NameHasNoOwner" in text or "not provided by any" in text:
        return f"{adapter}: bluetoothd does not run: systemctl start bluetooth"
    if "NotReady" in text or "not powered" in text.lower():
        return f"{adapter} is switched off: bluetoothctl power on (rfkill unblock bluetooth)"
    if "AccessDenied" in text or "NotAuthorized" in text:
        return f"{adapter}: BlueZ does not let us scan: add the service's user to the group bluetooth"
    if isinstance(error, OSError):
        return f"{adapter}: no D-Bus here ({text}): install and start dbus and bluez"
    return f"{adapter}: {text}"
