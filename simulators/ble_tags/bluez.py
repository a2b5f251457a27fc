"""BlueZ as python-dbusmock plays it, on a bus of our own: adapters that hear what we let them hear.

Its AddDevice gives types that BlueZ does not give; devices are added as BlueZ does: object, InterfacesAdded, and then
PropertiesChanged for every advertisement (its UpdateProperties of Debian 12 cannot change a dictionary).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from simulators.ble_tags.bus import PATIENCE, PYTHON, Missing, ended, private_bus
from simulators.ble_tags.payloads import Payload

_MOCK: Final = "org.freedesktop.DBus.Mock"
_MANAGER: Final = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_DEVICE: Final = "org.bluez.Device1"
_ADAPTER: Final = "org.bluez.Adapter1"
_BUS: Final = "org.freedesktop.DBus"
_UUID: Final = "{:08x}-0000-1000-8000-00805f9b34fb"


class SimulatedBlueZ:
    """bluetoothd with adapters; `kill` and `start` as often as one likes."""

    def __init__(self, bus: MessageBus, address: str, adapters: Collection[str]) -> None:
        self.address = address
        self._bus = bus
        self._adapters = adapters
        self.scanning: set[str] = set()
        """Adapters with which somebody scans."""
        self._process: asyncio.subprocess.Process | None = None
        self._known: set[str] = set()
        bus.add_message_handler(self._notice)

    @property
    def running(self) -> bool:
        """Whether bluetoothd lives."""
        return self._process is not None

    async def start(self) -> None:
        """bluetoothd comes up, with its adapters switched on."""
        self._process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-m", "dbusmock", "--system", "--template", "bluez5"),
            env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": self.address},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        async with asyncio.timeout(PATIENCE):
            while not await self._owned():
                if self._process.returncode is not None:
                    raise Missing("the simulated BlueZ (python3-dbusmock) does not start")
                await asyncio.sleep(0.02)
        for adapter in self._adapters:
            await self.plug(adapter)

    async def plug(self, adapter: str) -> None:
        """One more adapter."""
        await self._call("/org/bluez", "org.bluez.Mock", "AddAdapter", "ss", [adapter, adapter])

    async def experimental(self, adapter: str) -> None:
        """As bluetoothd with --experimental: passive scans, by advertisement monitors."""
        methods = [["RegisterMonitor", "o", "", ""], ["UnregisterMonitor", "o", "", ""]]
        body = ["org.bluez.AdvertisementMonitorManager1", methods]
        await self._call(f"/org/bluez/{adapter}", _MOCK, "AddMethods", "sa(ssss)", body)

    async def _owned(self) -> bool:
        (owned,) = await self._call("/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", ["org.bluez"], _BUS)
        return bool(owned)

    async def kill(self) -> None:
        """bluetoothd dies without a word."""
        if self._process is not None:
            await ended(self._process, kill=True)
            self._process = None
        self._known.clear()
        self.scanning.clear()

    async def discovering(self, adapter: str) -> bool:
        """Whether somebody scans with it."""
        path = f"/org/bluez/{adapter}"
        return bool((await self._call(path, _PROPERTIES, "Get", "ss", [_ADAPTER, "Discovering"]))[0].value)

    async def calls(self, adapter: str) -> list[str]:
        """The methods that were called on an adapter, in order."""
        (log,) = await self._call(f"/org/bluez/{adapter}", _MOCK, "GetCalls", "", [])
        return [str(name) for _, name, _ in log]

    async def advertise(self, adapter: str, address: str, payload: Payload, rssi: int, *, random: bool = False) -> None:
        """An advertisement is heard by an adapter."""
        path = device_path(adapter, address)
        heard = _heard(payload, rssi)
        if path not in self._known:
            self._known.add(path)
            properties = _properties(adapter, address, payload, random=random) | heard
            await self._call("/", _MOCK, "AddObject", "ssa{sv}a(ssss)", [path, _DEVICE, properties, []])
            added = [Variant("o", path), Variant("a{sa{sv}}", {_DEVICE: properties})]
            await self._call("/", _MOCK, "EmitSignal", "sssav", [_MANAGER, "InterfacesAdded", "oa{sa{sv}}", added])
        else:
            changed = [Variant("s", _DEVICE), Variant("a{sv}", heard), Variant("as", [])]
            body = [_PROPERTIES, "PropertiesChanged", "sa{sv}as", changed]
            await self._call(path, _MOCK, "EmitSignal", "sssav", body)

    async def shout(self, adapter: str, address: str, payload: Payload, rssi: int, *, forget: bool = True) -> None:
        """Two advertisements of a device that is forgotten at once, by signals alone: for floods."""
        for signal in (*signals(adapter, address, payload, rssi), *([gone(adapter, address)] if forget else [])):
            await self._bus.send(signal)

    async def forget(self, adapter: str, address: str) -> None:
        """BlueZ drops a device that it has not heard for long."""
        path = device_path(adapter, address)
        self._known.discard(path)
        await self._call(f"/org/bluez/{adapter}", _ADAPTER, "RemoveDevice", "o", [path])

    def _notice(self, message: Message) -> None:
        """Follows which adapters scan."""
        if message.member == "PropertiesChanged" and message.body[0] == _ADAPTER and "Discovering" in message.body[1]:
            adapter = str(message.path).rpartition("/")[2]
            if message.body[1]["Discovering"].value:
                self.scanning.add(adapter)
            else:
                self.scanning.discard(adapter)

    async def _call(
        self, path: str, interface: str, member: str, signature: str, body: list[Any], to: str = "org.bluez"
    ) -> list[Any]:
        message = Message(destination=to, path=path, interface=interface, member=member, signature=signature, body=body)
        async with asyncio.timeout(PATIENCE):
            reply = await self._bus.call(message)
        if reply is None or reply.message_type is MessageType.ERROR:
            raise OSError(f"the simulated BlueZ refused {member}: {reply.body if reply else 'no answer'}")
        return list(reply.body)


def device_path(adapter: str, address: str) -> str:
    """Where BlueZ keeps a device."""
    return f"/org/bluez/{adapter}/dev_{address.replace(':', '_').upper()}"


def signals(adapter: str, address: str, payload: Payload, rssi: int) -> tuple[Message, Message]:
    """The two signals of a new device and of its next advertisement, to be sent without BlueZ's help."""
    properties = _properties(adapter, address, payload, random=False) | _heard(payload, rssi)
    path = device_path(adapter, address)
    added = Message.new_signal("/", _MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, {_DEVICE: properties}])
    body = [_DEVICE, _heard(payload, rssi), []]
    return added, Message.new_signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)


def gone(adapter: str, address: str) -> Message:
    """The signal of a device that BlueZ drops."""
    body = [device_path(adapter, address), [_DEVICE]]
    return Message.new_signal("/", _MANAGER, "InterfacesRemoved", "oas", body)


def _properties(adapter: str, address: str, payload: Payload, *, random: bool) -> dict[str, Variant]:
    return {
        "Address": Variant("s", address),
        "AddressType": Variant("s", "random" if random else "public"),
        "Adapter": Variant("o", f"/org/bluez/{adapter}"),
        "Alias": Variant("s", payload.name or address.replace(":", "-")),
        "Paired": Variant("b", False),
        "Connected": Variant("b", False),
        "UUIDs": Variant("as", [_UUID.format(service) for service in payload.service]),
    } | ({"Name": Variant("s", payload.name)} if payload.name else {})


def _heard(payload: Payload, rssi: int) -> dict[str, Variant]:
    manufacturer = {company: Variant("ay", data) for company, data in payload.manufacturer.items()}
    service = {_UUID.format(number): Variant("ay", data) for number, data in payload.service.items()}
    return (
        {"RSSI": Variant("n", rssi)}
        | ({"ManufacturerData": Variant("a{qv}", manufacturer)} if manufacturer else {})
        | ({"ServiceData": Variant("a{sv}", service)} if service else {})
    )


@asynccontextmanager
async def simulated_bluez(adapters: Collection[str] = ("hci0",)) -> AsyncIterator[SimulatedBlueZ]:
    """A bus and a BlueZ on it; give its `address` to who shall see it, as DBUS_SYSTEM_BUS_ADDRESS."""
    async with private_bus() as address:
        bus = await MessageBus(bus_address=address, bus_type=BusType.SYSTEM).connect()
        rule = f"type='signal',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_ADAPTER}'"
        await bus.call(
            Message(
                destination=_BUS,
                path="/org/freedesktop/DBus",
                interface=_BUS,
                member="AddMatch",
                signature="s",
                body=[rule],
            )
        )
        bluez = SimulatedBlueZ(bus, address, adapters)
        try:
            await bluez.start()
            yield bluez
        finally:
            await bluez.kill()
            bus.disconnect()
