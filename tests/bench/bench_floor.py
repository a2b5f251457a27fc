"""The whole path under load: simulated reader → gateway → mosquitto over mutual TLS → subscriber, FULL sync.

Latency: from the arrival of the report that decides an event to its PUBACK.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from tests.bench.gateway_watched import latencies, stored
from tests.brokers import Mosquitto, Pki

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
WARM = 7.0
"""Seconds until the first dedup is over and caches are warm."""

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink:
      url: mqtts://localhost:{broker}
      tls: {{ca: "{ca}", cert: "{cert}", key: "{key}"}}
    plain_devices: [llrp]
read_points:
  belt-1: {{uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint, dedup: 5s}}
devices:
  belt-reader:
    {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {reader}, report: {{tags: 50}}, read_point: belt-1}}
"""


class Load(NamedTuple):
    """What runs over the belt."""

    name: str
    tags: int
    fresh: float
    seconds: float
    cpu: float
    rss: float


LOADS = (
    Load("busy: 25,000 tags read twice a second, 5,000 new a second", 25_000, 5000.0, 20.0, 40.0, 80.0),
    Load("usual: 100 tags read twice a second, 20 new a second", 100, 20.0, 20.0, 5.0, 60.0),
    Load("idle: no tag", 0, 0.0, 20.0, 0.5, 60.0),
)


class Cost(NamedTuple):
    """What a process used so far: CPU seconds, and its present memory in MB."""

    cpu: float
    rss: float


def cost(pid: int) -> Cost:
    """From /proc (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Cost((int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


@contextlib.contextmanager
def process(*arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A child that ends with the block."""
    child = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, text=True, **options)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def answers(path: Path, bound: float = 30.0) -> None:
    """Wait until the gateway answers."""
    until = time.monotonic() + bound
    while time.monotonic() < until:
        with contextlib.suppress(NotRunning, OSError):
            if list(ask(path, protocol.Status())):
                return
        time.sleep(0.005)
    raise SystemExit("the gateway did not start")


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def measure(load: Load, folder: Path) -> None:
    folder.mkdir()
    pki = Pki(folder)
    broker = Mosquitto(folder / "broker", pki=pki)
    broker.start()
    files, central = pki.client("gw-07.rfid"), pki.client("central")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    heard = map(str, ("tests.bench.subscriber", broker.port, central.ca, central.cert, central.key))
    with (
        process("tests.bench.belt", str(load.tags), str(load.fresh), **pipes) as belt,
        process(*heard, **pipes) as subscriber,
    ):
        assert belt.stdout is not None
        port = int(belt.stdout.readline())
        site, log = folder / "site.yaml", folder / "times.log"
        site.write_text(SITE.format(broker=broker.port, ca=files.ca, cert=files.cert, key=files.key, reader=port))
        counter = Counter(subscriber)
        with process("tests.bench.gateway_watched", str(site), str(log), stderr=subprocess.DEVNULL) as gateway:
            answers(folder / "run" / "rfid.sock")
            time.sleep(WARM)
            before, begun, reads, steady = cost(gateway.pid), time.monotonic(), location(folder)["reads"], time.time()
            time.sleep(load.seconds)
            after, seconds, seen = cost(gateway.pid), time.monotonic() - begun, location(folder)
            gateway.send_signal(signal.SIGTERM)
            gateway.wait(60)
        events = stored(log)
        done = sorted(latencies(log, since=steady).values())
        lost = events - counter.settled(events)
    broker.kill()
    print(load.name)
    rate, cpu = (seen["reads"] - reads) / seconds, (after.cpu - before.cpu) / seconds * 100
    print(f"{'':8}{rate:,.0f} reads/s, {events:,} events, {seen['dropped']} reads shed, lost: {lost} (target 0)")
    if done:
        p50, p99 = percentile(done, 0.5) * 1000, percentile(done, 0.99) * 1000
        print(f"{'':8}latency p50 {p50:.0f} ms, p99 {p99:.0f} ms (target p99 <= 100 ms)")
    print(f"{'':8}CPU {cpu:.1f} % of a core (target <= {load.cpu:g} %)")
    print(f"{'':8}RSS {after.rss:.0f} MB (target <= {load.rss:g} MB)", flush=True)


def location(folder: Path) -> dict[str, int]:
    """Counts of the running gateway."""
    found: dict[str, int] = json.loads(next(iter(ask(folder / "run" / "rfid.sock", protocol.Status()))))["location"]
    return found


class Counter:
    """The subscriber, in a process of its own."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self._ask, self._answer = child.stdin, child.stdout
        assert self._answer.readline() == "ready\n"

    def count(self) -> int:
        """Distinct ids so far."""
        self._ask.write("\n")
        self._ask.flush()
        return int(self._answer.readline())

    def settled(self, events: int, bound: float = 20.0) -> int:
        """The count, once it is as many as were stored, or the bound is reached."""
        until = time.monotonic() + bound
        while (found := self.count()) < events and time.monotonic() < until:
            time.sleep(0.1)
        return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, load in enumerate(LOADS):
            measure(load, Path(folder) / str(number))


if __name__ == "__main__":
    main()
