"""Tag reports to values, ours beside sllurp and llrpkit in the same run: 50 tags, the fields a gateway asks for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from time import process_time

import llrpkit.protocol.messages  # noqa: F401 - registers the standard's messages
from llrpkit.protocol.codec import decode_message
from sllurp.llrp import LLRPMessage

from drivers.llrp.codec.report import ReportDecoder
from drivers.llrp.codec.wire import decode

TAGS = 50
SECONDS = 0.4
"""CPU time of each decoder, in five turns that alternate; the best counts: others may load the machine."""


def tag(index: int, *, impinj: bool = False, words: int = 6) -> bytes:
    """EPC, antenna, RSSI, first and last seen, count, channel; Impinj's phase, RSSI and Doppler on top."""
    epc = index.to_bytes(2 * words)
    body = b"\x8d" + epc if words == 6 else struct.pack(">HHH", 241, 6 + len(epc), 8 * len(epc)) + epc
    stamp = 1_767_225_600_000_000 + 1000 * index
    body += struct.pack(">BHBbBQBQBHBH", 0x81, 1, 0x86, -60, 0x82, stamp, 0x84, stamp + 500, 0x88, 1, 0x87, 3)
    if impinj:
        for subtype, value in ((56, index), (57, -6012), (68, -3)):
            body += struct.pack(">HHIIh", 1023, 14, 25882, subtype, value)
    return struct.pack(">HH", 240, 4 + len(body)) + body


def report(tags: list[bytes]) -> bytes:
    body = b"".join(tags)
    return struct.pack(">HII", 1 << 10 | 61, 10 + len(body), 1) + body


def rates(decoders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Tags a second of each, the best of five alternating turns."""
    best = dict.fromkeys(decoders, 0.0)
    for _ in range(5):
        for name, decoder in decoders.items():
            rounds, start = 0, process_time()
            while process_time() - start < SECONDS / 5:
                decoder()
                rounds += 1
            best[name] = max(best[name], rounds * TAGS / (process_time() - start))
    return best


def main() -> None:
    plain = report([tag(index) for index in range(TAGS)])
    impinj = report([tag(index, impinj=True) for index in range(TAGS)])
    mixed = report([tag(index, words=6 + index % 3, impinj=index % 2 == 0) for index in range(TAGS)])
    fast, single = ReportDecoder(), ReportDecoder(shapes=0)
    found = rates(
        {
            "ours": lambda: fast.decode(plain, offset=0.0, received=0.0),
            "ours, Impinj's extensions": lambda: fast.decode(impinj, offset=0.0, received=0.0),
            "ours, six shapes mixed": lambda: fast.decode(mixed, offset=0.0, received=0.0),
            "ours, entry by entry": lambda: single.decode(plain, offset=0.0, received=0.0),
            "ours, as LLRP messages": lambda: decode(plain),
            "sllurp": lambda: LLRPMessage(msgbytes=plain).msgdict,
            "llrpkit": lambda: decode_message(plain),
        }
    )
    targets = {"ours": " (target >= 1000000)"}
    for name, rate in found.items():
        print(f"reads/s, {name}: {rate:,.0f}{targets.get(name, '')}, {1e9 / rate:.0f} ns each")
    print(f"ratio to sllurp: {found['ours'] / found['sllurp']:.1f} (target >= 12)")
    print(f"ratio to llrpkit: {found['ours'] / found['llrpkit']:.1f}")


if __name__ == "__main__":
    main()
