"""Two ways to talk to a simulated reader: its core with hand-set time, and its socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from drivers.llrp.codec.enums import NotificationEventType
from drivers.llrp.codec.framing import Framer
from drivers.llrp.codec.values import Bits, Element, Message
from drivers.llrp.codec.wire import decode, encode
from simulators.air import Air, Heard, Shelf
from simulators.llrp_reader.core import ReaderCore
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.requests import receive
from simulators.tags import sgtin_96, tid

BOUND = 30.0  # seconds any test here waits at most for one message


class Bench:
    """A reader's core on the table: time is what the test says."""

    def __init__(self, options: ReaderOptions, air: Air, now: float) -> None:
        self.core, self.now, self._number = ReaderCore(options, air, now), now, 0
        self.core.connect(now)
        self.greeting = self.take()

    def take(self) -> list[Message]:
        frames = Framer().feed(b"".join(self.core.link.out))
        self.core.link.out.clear()
        return [decode(frame) for frame in frames]

    def say(self, name: str, *children: Element, **fields: object) -> list[Message]:
        self._number += 1
        receive(self.core, encode(Message(name, self._number, 1, fields, children)), self.now)
        return self.take()

    def ask(self, name: str, *children: Element, **fields: object) -> Message:
        """The response, which must be the only thing said and carry the request's id."""
        answers = [message for message in self.say(name, *children, **fields) if message.id == self._number]
        (answer,) = answers
        return answer

    def until(self, now: float, step: float = 0.01) -> list[Message]:
        while self.now < now - 1e-9:
            self.now = min(self.now + step, now)
            self.core.advance(self.now)
        return self.take()

    def run(self, spec: Element) -> list[Message]:
        """Adds and enables a ROSpec; what is said after the responses."""
        number = spec["ROSpecID"]
        assert code(self.ask("ADD_ROSPEC", spec)) == 0
        messages = self.say("ENABLE_ROSPEC", ROSpecID=number)
        assert code(messages[0]) == 0
        return messages[1:]


class Client:
    """An LLRP client of a few lines over a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self._number = reader, writer, 1000

    async def next(self, name: str | None = None) -> Message:
        """The next message, or the next one of that name."""
        async with asyncio.timeout(BOUND):
            while True:
                head = await self.reader.readexactly(10)
                body = await self.reader.readexactly(int.from_bytes(head[2:6], "big") - 10)
                message = decode(head + body)
                if name is None or message.name == name:
                    return message

    def send(self, name: str, *children: Element, **fields: object) -> None:
        self._number += 1
        self.writer.write(encode(Message(name, self._number, 1, fields, children)))

    async def ask(self, name: str, *children: Element, **fields: object) -> Message:
        self.send(name, *children, **fields)
        return await self.next(f"{name}_RESPONSE")

    async def ended(self) -> bytes:
        """Waits for the end of the connection; the bytes until then."""
        async with asyncio.timeout(BOUND):
            return await self.reader.read()


def code(response: Message) -> int:
    status = response.child("LLRPStatus")
    assert status is not None
    return int(status["StatusCode"])


@pytest.fixture
def status_of() -> Callable[[Message], int]:
    return code


@pytest.fixture
def tags() -> list[Heard]:
    return [Heard(sgtin_96(123456, n), -60.5 - n, 90.0, 2.0, 0x3000, tid(n)) for n in range(5)]


@pytest.fixture
def bench(tags: list[Heard]) -> Callable[..., Bench]:
    def make(family: str = "impinj-speedway", air: Air | None = None, now: float = 1000.0, **more: object) -> Bench:
        return Bench(ReaderOptions(family=family, **{"period": 0.1, **more}), air or Shelf(tags), now)

    return make


@pytest.fixture
def dial() -> Callable[..., AbstractAsyncContextManager[Client]]:
    @contextlib.asynccontextmanager
    async def connect(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
        async with asyncio.timeout(BOUND):
            name = "localhost" if tls else None
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    return connect


FIELDS = (
    "ROSpecID",
    "SpecIndex",
    "InventoryParameterSpecID",
    "AntennaID",
    "ChannelIndex",
    "PeakRSSI",
    "FirstSeenTimestamp",
    "LastSeenTimestamp",
    "TagSeenCount",
    "AccessSpecID",
)


def report(trigger: int = 1, n: int = 1, fields: Sequence[str] = FIELDS, memory: Sequence[str] = ("PCBits",),
           *custom: Element) -> Element:  # fmt: skip
    chosen = element("C1G2EPCMemorySelector", EnableCRC="CRC" in memory, EnablePCBits="PCBits" in memory)
    content = element("TagReportContentSelector", chosen, **{f"Enable{name}": name in fields for name in FIELDS})
    return element("ROReportSpec", content, *custom, ROReportTrigger=trigger, N=n)


def aispec(antennas: tuple[int, ...] = (0,), stop: int = 0, duration: int = 0, trigger: tuple[Element, ...] = (),
           configurations: tuple[Element, ...] = ()) -> Element:  # fmt: skip
    return element(
        "AISpec",
        element("AISpecStopTrigger", *trigger, AISpecStopTriggerType=stop, DurationTrigger=duration),
        element("InventoryParameterSpec", *configurations, InventoryParameterSpecID=7, ProtocolID=1),
        AntennaIDs=antennas,
    )


def rospec(number: int = 1, start: int = 1, starting: tuple[Element, ...] = (), stop: int = 0, duration: int = 0,
           stopping: tuple[Element, ...] = (), ais: Sequence[Element] = (), reports: Element | None = None,
           priority: int = 0) -> Element:  # fmt: skip
    return element(
        "ROSpec",
        element(
            "ROBoundarySpec",
            element("ROSpecStartTrigger", *starting, ROSpecStartTriggerType=start),
            element("ROSpecStopTrigger", *stopping, ROSpecStopTriggerType=stop, DurationTriggerValue=duration),
        ),
        *(ais or (aispec(),)),
        reports or report(),
        ROSpecID=number,
        Priority=priority,
        CurrentState=0,
    )


NOTIFY_ALL = element(
    "ReaderEventNotificationSpec",
    *(element("EventNotificationState", EventType=int(kind), NotificationState=True) for kind in NotificationEventType),
)


def configuration(*filters):
    return element(
        "AntennaConfiguration", element("C1G2InventoryCommand", *filters, TagInventoryStateAware=False), AntennaID=0
    )


def select(epc_prefix, action, bits=None):
    mask = Bits(len(epc_prefix) * 8 if bits is None else bits, epc_prefix)
    return element(
        "C1G2Filter",
        element("C1G2TagInventoryMask", MB=1, Pointer=32, TagMask=mask),
        element("C1G2TagInventoryStateUnawareFilterAction", Action=action),
        T=1,
    )


def accessspec(target=b"", count=0):
    bits = Bits(len(target) * 8, target)
    ones = Bits(len(target) * 8, b"\xff" * len(target))
    return element(
        "AccessSpec",
        element("AccessSpecStopTrigger", AccessSpecStopTrigger=int(count > 0), OperationCountValue=count),
        element(
            "AccessCommand",
            element("C1G2TagSpec", element("C1G2TargetTag", MB=1, Match=True, Pointer=32, TagMask=ones, TagData=bits)),
            element("C1G2Read", OpSpecID=5, AccessPassword=0, MB=2, WordPointer=0, WordCount=6),
        ),
        AccessSpecID=3,
        AntennaID=0,
        ProtocolID=1,
        CurrentState=False,
        ROSpecID=0,
    )


class Specs:
    """Builders of what a client sends."""

    report, aispec, rospec = staticmethod(report), staticmethod(aispec), staticmethod(rospec)
    configuration, select, accessspec = staticmethod(configuration), staticmethod(select), staticmethod(accessspec)
    notify_all = NOTIFY_ALL


@pytest.fixture
def specs() -> type[Specs]:
    return Specs
