"""Cost of reading an EPC: uncached by scheme, and through the resolver's cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

from drivers.contract import Read
from gateway.identity.epc import decode, encode_link, encode_urn
from gateway.identity.resolve import Resolver

ROUNDS = 20_000
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


def main() -> None:
    for name, epc in EPCS.items():
        cost = _microseconds(partial(decode, epc, len(epc) // 2 << 11))
        print(f"uncached {name}: {cost:.2f} us (target <= 5 us)")
    resolver = Resolver()
    read = Read("epc", EPCS["sgtin-96"], 1790000000.0, pc=0x3000)
    print(f"cached: {_microseconds(lambda: resolver.resolve(read)):.2f} us (target <= 0.5 us)")


def _microseconds(act: Callable[[], object]) -> float:
    return min(_seconds(act) for _ in range(5)) / ROUNDS * 1e6


def _seconds(act: Callable[[], object]) -> float:
    begin = perf_counter()
    for _ in range(ROUNDS):
        act()
    return perf_counter() - begin


if __name__ == "__main__":
    main()
