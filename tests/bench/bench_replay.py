"""What deciding a recording again costs, whole, as a person runs it: `python -m tests.bench.bench_replay`."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from drivers.lines import format_line
from drivers.observations import Read, Signal
from tests.bench.bench_location import epc

START = 1_790_000_000.0
LINES = 600_000
TAGS = 400

SITE = """\
version: 1
gateway: {{id: gw-1, site: dc1}}
segments: {{rfid: {{uplink: {{url: "mqtt://127.0.0.1:1883"}}}}}}
read_points:
{points}
devices:
  reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, antennas: {{{antennas}}}}}
"""


def site(folder: Path, kind: str) -> Path:
    """A reader with four antennas, each at a read point of that kind; a portal has two a side."""
    names = ["dock"] * 4 if kind == "portal" else [f"p{port}" for port in range(1, 5)]
    points = "\n".join(
        f"  {name}: {{uri: urn:epc:id:sgln:9521141.12345.{name}, kind: {kind}}}" for name in sorted(set(names))
    )
    sides = [f", side: {'inside' if port > 2 else 'outside'}" if kind == "portal" else "" for port in range(1, 5)]
    antennas = ", ".join(
        f"{port}: {{read_point: {name}{side}}}" for port, (name, side) in enumerate(zip(names, sides, strict=True), 1)
    )
    path = folder / f"{kind}.yaml"
    path.write_text(SITE.format(points=points, antennas=antennas))
    return path


def record(folder: Path) -> Path:
    """Tags read about 20 times a second each by four antennas, a few of which move now and then."""
    path = folder / "reads.jsonl"
    step = 1.0 / (20 * TAGS)
    with path.open("w") as file:
        for number in range(LINES):
            now = START + number * step
            tag, turn = number % TAGS, number // TAGS
            antenna = 1 + (tag + turn // 400 + (turn % 5 == 0)) % 4
            level = -50.0 - (turn * 7 + tag) % 11 - 8.0 * (turn % 5 == 0)
            read = Read("epc", epc(tag), round(now, 6), antenna, level, phase=float(tag % 180), pc=0x3000)
            file.write(format_line("reader", read) + "\n")
        file.write(format_line("reader", Signal("end", value=True, time=now + 60.0)) + "\n")
    return path


def timed(*words: str) -> tuple[float, float, int]:
    """(seconds, seconds of CPU, lines said) of one `readpoint` command."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = subprocess.run([sys.executable, "-m", "gateway", *words], stdout=subprocess.PIPE, check=True).stdout
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, said.count(b"\n")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording, empty = record(folder), folder / "empty.jsonl"
        empty.touch()
        for kind in ("zone", "portal", "checkpoint"):
            config = site(folder, kind)
            start = min(timed("replay", "--config", str(config), str(empty))[:2] for _ in range(5))
            print(f"replay, {kind}: start: {start[0]:.2f} s, {start[1]:.2f} s of CPU (target <= 0.4)")
            wall, cpu, said = timed("replay", "--config", str(config), str(recording))
            rate = LINES / (wall - start[0])
            print(f"replay, {kind}: {rate:,.0f} reads/s (target >= 150,000); {LINES / wall:,.0f} with the start;")
            print(f"    of CPU {LINES / (cpu - start[1]):,.0f} reads/s; {LINES:,} reads, {said:,} events")


if __name__ == "__main__":
    main()
