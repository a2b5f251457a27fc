"""All families on one box: what the gateway costs, and how long an event takes.

4 LLRP readers at 500 reads/s each, 2,000 beacons each heard every 5 s under two adapters, 4 scanners, 40 Modbus units
with 20 points at 1 s on two buses, 1 GPS receiver; three segments, each over mutual TLS to mosquitto, and a subscriber.
Latency: from the arrival of the report that decides a message to its PUBACK.

`python -m tests.bench.bench_box [SECONDS]`
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gateway.control import protocol
from gateway.control.client import ask
from tests.bench.bench_floor import Counter, answers, cost, percentile, process
from tests.bench.box_loads import KINDS, PARKING, POINTS, RAMP, SCANNERS, UNITS
from tests.bench.gateway_watched import latencies, stored
from tests.brokers import MOSQUITTO, Mosquitto, Pki

WARM = 10.0
"""Seconds until every beacon was heard twice, and all that is there has arrived."""

SEGMENTS = ("rfid", "ble", "yard")
CPU, RSS, P99 = 60.0, 120.0, 200.0

Node = dict[str, Any]


def site(pki: Pki, broker: Mosquitto, places: Node) -> Node:
    """The site file."""
    segments = {}
    for name in SEGMENTS:
        files = pki.client(f"gw-07.{name}")
        tls = {"ca": str(files.ca), "cert": str(files.cert), "key": str(files.key)}
        segments[name] = {"uplink": {"url": f"mqtts://localhost:{broker.port}", "tls": tls}}
    zones = [f"aisle-{letter}" for letter in "abcdefghij"] + ["parking", "ramp"]
    checkpoints = ["belt-1", *(f"packing-{number}" for number in range(1, SCANNERS + 1))]
    kinds = dict.fromkeys(zones, "zone") | dict.fromkeys(checkpoints, "checkpoint") | {"dock-1": "portal"}
    points = {
        name: {"uri": f"urn:epc:id:sgln:9521141.12345.{name.replace('-', '')}", "kind": kind}
        for name, kind in kinds.items()
    }
    return {
        "version": 1,
        "gateway": {"id": "gw-07", "site": "dc1", "state_dir": "state", "run_dir": "run"},
        "segments": segments,
        "read_points": points,
        "devices": _readers(places) | _buses(places) | _others(places),
    }


def _readers(places: Node) -> Node:
    dock = {1: {"read_point": "dock-1", "side": "outside"}, 2: {"read_point": "dock-1", "side": "inside"}}
    feeds: Node = {
        "belt-reader": {"read_point": "belt-1"},
        "dock-reader": {"antennas": dock},
        "aisle-reader-1": {"antennas": {place: f"aisle-{letter}" for place, letter in enumerate("abcd", 1)}},
        "aisle-reader-2": {"antennas": {place: f"aisle-{letter}" for place, letter in enumerate("efgh", 1)}},
    }
    return {
        name: {"driver": "llrp", "segment": "rfid", "host": "127.0.0.1", "port": places[name], **feed}
        for name, feed in feeds.items()
    }


def _buses(places: Node) -> Node:
    point = {"table": "input", "scale": 0.1, "uom": "VLT", "deadband": "2%"}
    points = {f"p{number}": {**point, "address": number} for number in range(POINTS)}
    units = {f"u{number}": {"unit": number, "points": points} for number in range(1, UNITS + 1)}
    urls = {"bus-1": f"tcp://127.0.0.1:{places['tcp']}", "bus-2": f"rtu+tcp://127.0.0.1:{places['rtu']}"}
    return {
        name: {"driver": "modbus", "segment": "rfid", "url": url, "interval": "1s", "units": units}
        for name, url in urls.items()
    }


def _others(places: Node) -> Node:
    fences = {
        name: {"read_point": name, "polygon": [[a, b], [a, d], [c, d], [c, b]]}
        for name, ((a, b), (c, d)) in (("parking", PARKING), ("ramp", RAMP))
    }
    truck = {"driver": "nmea", "segment": "yard", "url": places["gps"], "object": "urn:epc:id:giai:9521141.truck12"}
    beacons = {"driver": "ble", "segment": "ble", "antennas": {"hci0": "aisle-i", "hci1": "aisle-j"}}
    scanners = {
        name: {"driver": "barcode", "segment": "rfid", "port": places[name], "read_point": f"packing-{number}"}
        for number in range(1, SCANNERS + 1)
        for name in (f"scanner-{number}",)
    }
    return scanners | {"beacons": beacons, "yard-truck": {**truck, "antennas": fences}}


def count(folder: Path) -> dict[str, float]:
    """Reads, polls and the like so far, by segment."""
    found: dict[str, float] = {"dropped": 0.0}
    for name in SEGMENTS:
        status = json.loads(next(iter(ask(folder / "run" / f"{name}.sock", protocol.Status()))))
        found[name] = status["location"]["reads"]
        found["dropped"] += status["location"]["dropped"]
        for device in status["devices"]:
            if device["state"] != "online":
                raise SystemExit(f"{device['device']} is {device['state']}: {device['cause']}")
    return found


def measure(folder: Path, seconds: float) -> None:
    pki, pipes = Pki(folder), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    broker = Mosquitto(folder / "broker", pki=pki)
    with ExitStack() as nest:
        places: Node = {}
        for kind in KINDS:
            load = nest.enter_context(process("tests.bench.box_loads", kind, **pipes))
            nest.callback(load.communicate)  # before its end: it has children of its own
            assert load.stdout is not None
            places |= json.loads(load.stdout.readline())
        if "missing" in places:
            print(f"box: not measured: {places['missing']}")
            return
        broker.start()
        nest.callback(broker.kill)
        central = pki.client("central")
        heard = map(str, ("tests.bench.subscriber", broker.port, central.ca, central.cert, central.key))
        counter = Counter(nest.enter_context(process(*heard, **pipes)))
        YAML(typ="safe").dump(site(pki, broker, places), folder / "site.yaml")
        run(folder, counter, places["bus"], seconds)


def run(folder: Path, counter: Counter, bus: str, seconds: float) -> None:
    log = folder / "times.log"
    words = ("tests.bench.gateway_watched", str(folder / "site.yaml"), str(log), "all")
    said = (folder / "gateway.log").open("w")
    with said, process(*words, stderr=said, env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": bus}) as gateway:
        try:
            for name in SEGMENTS:
                answers(folder / "run" / f"{name}.sock")
        except SystemExit:
            print((folder / "gateway.log").read_text(), file=sys.stderr)
            raise
        time.sleep(WARM)
        reads, before, steady, begun = count(folder), cost(gateway.pid), time.time(), time.monotonic()
        messages = counter.count()
        time.sleep(seconds)
        after, wall, until = cost(gateway.pid), time.monotonic() - begun, time.time()
        seen, messages = count(folder), counter.count() - messages
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(60)
    events = stored(log)
    lost = events - counter.settled(events)
    rate = ", ".join(f"{name} {(seen[name] - reads[name]) / wall:,.0f}" for name in SEGMENTS)
    print(f"reads/s: {rate}; {messages / wall:.0f} messages/s, {events:,} in all, {seen['dropped']:.0f} reads shed")
    print(f"lost: {lost} (target 0)")
    done = sorted(latencies(log, steady, until).values())
    p50, p99 = percentile(done, 0.5) * 1000, percentile(done, 0.99) * 1000
    print(f"latency of {len(done):,} messages: p50 {p50:.0f} ms, p99 {p99:.0f} ms (target p99 <= {P99:g} ms)")
    print(f"CPU {(after.cpu - before.cpu) / wall * 100:.1f} % of a core (target <= {CPU:g} %)")
    print(f"RSS {after.rss:.0f} MB (target <= {RSS:g} MB)", flush=True)


def main() -> None:
    if MOSQUITTO is None:
        print("box: not measured: mosquitto is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)


if __name__ == "__main__":
    main()
