"""What the simulators cost, so that a bench of the gateway knows it measures the gateway."""

from __future__ import annotations

import asyncio
import time

from drivers.llrp.codec.framing import Framer
from drivers.llrp.codec.values import Message
from drivers.llrp.codec.wire import encode
from simulators.air import Heard, Shelf
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.tags import sgtin_96
from simulators.warehouse import Warehouse, aisles

_FIELDS = ("ROSpecID", "SpecIndex", "InventoryParameterSpecID", "AntennaID", "ChannelIndex", "PeakRSSI",
           "FirstSeenTimestamp", "LastSeenTimestamp", "TagSeenCount", "AccessSpecID")  # fmt: skip
_CHOSEN = ("AntennaID", "ChannelIndex", "PeakRSSI", "FirstSeenTimestamp", "LastSeenTimestamp", "TagSeenCount")
_SECONDS = 4.0


def _rospec() -> Message:
    memory = element("C1G2EPCMemorySelector", EnableCRC=False, EnablePCBits=True)
    content = element("TagReportContentSelector", memory, **{f"Enable{name}": name in _CHOSEN for name in _FIELDS})
    boundary = element(
        "ROBoundarySpec",
        element("ROSpecStartTrigger", ROSpecStartTriggerType=1),
        element("ROSpecStopTrigger", ROSpecStopTriggerType=0, DurationTriggerValue=0),
    )
    inventory = element(
        "AISpec",
        element("AISpecStopTrigger", AISpecStopTriggerType=0, DurationTrigger=0),
        element("InventoryParameterSpec", InventoryParameterSpecID=1, ProtocolID=1),
        AntennaIDs=(0,),
    )
    report = element("ROReportSpec", content, ROReportTrigger=1, N=50)
    spec = element("ROSpec", boundary, inventory, report, ROSpecID=1, Priority=0, CurrentState=0)
    return Message("ADD_ROSPEC", 1, 1, {}, (spec,))


async def reports_over_tcp() -> tuple[float, float]:
    """Tag reports a second (50 a message, 50,000 asked for), and CPU microseconds each, reader and socket together."""
    shelf = Shelf([Heard(sgtin_96(1, n), -60.0) for n in range(25_000)], share=500)
    async with LlrpReader(ReaderOptions(period=0.01), shelf) as reader:
        stream, writer = await asyncio.open_connection("127.0.0.1", reader.port)
        writer.write(encode(_rospec()) + encode(Message("ENABLE_ROSPEC", 2, 1, {"ROSpecID": 1})))
        framer, tags = Framer(), 0
        cpu, start = time.process_time(), time.perf_counter()
        while time.perf_counter() - start < _SECONDS:
            tags += 50 * sum(len(frame) > 1000 for frame in framer.feed(await stream.read(2**18)))
        cpu, lasted = time.process_time() - cpu, time.perf_counter() - start
        writer.close()
    return tags / lasted, cpu / tags * 1e6


def warehouse() -> float:
    """Reads a second from 400 tags under four antennas."""
    names = ("aisle-a", "aisle-b", "aisle-c", "aisle-d")
    floor = Warehouse(*aisles(names, "reader"), seed=1)
    for n in range(400):
        floor.place(sgtin_96(1, n), names[n % 4], at=0.0, stay=60.0)
    start = time.perf_counter()
    reads = sum(len(floor.hear("reader", n % 4 + 1, n * 0.05)) for n in range(400))
    return reads / (time.perf_counter() - start)


def main() -> None:
    """Prints the figures."""
    rate, cost = asyncio.run(reports_over_tcp())
    print(f"simulated reader, reports a second: {rate:,.0f} (target 50,000, what was asked for)")
    print(f"simulated reader, CPU a report: {cost:.2f} us (target <= 6)")
    print(f"warehouse, reads a second: {warehouse():,.0f} (target >= 20,000)")


if __name__ == "__main__":
    main()
