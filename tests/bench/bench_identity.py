"""Cost of reading an EPC: uncached by scheme, and through the resolver's cache; an identity map of a million rows."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from drivers.contract import Read
from gateway.config.identities import read_identities
from gateway.identity.epc import decode, encode_link, encode_urn
from gateway.identity.mapping import IdentityMap
from gateway.identity.resolve import Resolver

ROUNDS = 20_000
ROWS = 1_000_000
TURN = 0.005
"""Seconds between turns of the loop."""
LINK = "https://id.gs1.org"
EPCS = {
    "sgtin-96": encode_urn("urn:epc:id:sgtin:0614141.812345.6789", 1),
    "sscc-96": encode_urn("urn:epc:id:sscc:952012.03456789123"),
    "sgtin-198, 20 characters": encode_urn("urn:epc:id:sgtin:0614141.812345.ABCDefgh-0123456789x"),
    "sgtin+": encode_link(f"{LINK}/01/79521141123453/21/1234567890", "sgtin+"),
    "sgtin+, 7 characters": encode_link(f"{LINK}/01/79521141123453/21/32a%2Fb-x", "sgtin+"),
    "sscc++": encode_link("https://example.com/00/095201234567891235", "sscc++"),
    "unknown": bytes.fromhex("E2806894000050061C5A1234"),
}

UNKNOWN = decode(bytes.fromhex("E2806894000050061C5A1234"))


def main() -> None:
    for name, epc in EPCS.items():
        cost = _microseconds(partial(decode, epc, len(epc) // 2 << 11))
        print(f"uncached {name}: {cost:.2f} us (target <= 5 us)")
    resolver = Resolver()
    read = Read("epc", EPCS["sgtin-96"], 1790000000.0, pc=0x3000)
    print(f"cached: {_microseconds(lambda: resolver.resolve(read)):.2f} us (target <= 0.5 us)")
    with tempfile.TemporaryDirectory() as folder:
        _identity_map(Path(folder) / "identities.csv")


def _identity_map(path: Path) -> None:
    """Raw tags to GIAIs, as for a fleet of pallets, read in a thread while an event loop turns."""
    with path.open("w") as file:
        file.write("identifier,id\n")
        for number in range(ROWS):
            file.write(f"E28068940000{number * 2_654_435_761 % 2**48:012X},urn:epc:id:giai:9521141.{number}\n")
    before = _resident()
    begin, processor = perf_counter(), process_time()
    identities, slowest = asyncio.run(_load(path))
    seconds, processor = perf_counter() - begin, process_time() - processor
    print(f"identity map, {len(identities):,} rows: {seconds:.1f} s, {processor:.1f} s of a core (target <= 15 s)")
    print(f"identity map, the loop meanwhile: held for {1000 * slowest:.0f} ms at most (target <= 50 ms)")
    grown = (_resident() - before) / ROWS
    print(f"identity map, memory: {identities.size / ROWS:.0f} B a row, {grown:.0f} B resident (target <= 50 B)")
    known = decode(bytes.fromhex(f"E28068940000{7 * 2_654_435_761 % 2**48:012X}"))
    print(f"identity map, found: {_microseconds(lambda: identities.find(known)):.1f} us (target <= 50 us, once a tag)")
    print(f"identity map, not found: {_microseconds(lambda: identities.find(UNKNOWN)):.2f} us (target <= 5 us)")


async def _load(path: Path) -> tuple[IdentityMap, float]:
    """The map, and the longest that the loop was late meanwhile."""
    loading = asyncio.create_task(asyncio.to_thread(read_identities, path, {}))
    slowest = 0.0
    while not loading.done():
        due = perf_counter() + TURN
        await asyncio.sleep(TURN)
        slowest = max(slowest, perf_counter() - due)
    identities, problems = await loading
    assert identities is not None, problems
    return identities, slowest


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _microseconds(act: Callable[[], object]) -> float:
    return min(_seconds(act) for _ in range(5)) / ROUNDS * 1e6


def _seconds(act: Callable[[], object]) -> float:
    begin = perf_counter()
    for _ in range(ROUNDS):
        act()
    return perf_counter() - begin


if __name__ == "__main__":
    main()
