"""`readpoint correct` as a person meets it where the gateway goes away, or nobody can be told who did it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway import audit
from gateway.config.site import Outbox
from gateway.control import protocol
from gateway.control.server import ControlServer
from gateway.model import Draft, Work
from gateway.outbox.store import open_outbox

ROOT = Path(__file__).resolve().parents[2]
STRETCH = ("--device", "reader", "--since", "2026-11-21T06:00Z", "--until", "2026-11-21T09:30Z")
SITE = """\
version: 1
gateway: {id: gw-07, site: dc1, state_dir: state, run_dir: run}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1:1883"}, plain_devices: [llrp]}
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}
devices:
  reader: {driver: llrp, segment: rfid, host: 127.0.0.1, read_point: aisle-a}
"""
EVENT = (
    b'{"object":"urn:epc:id:sgtin:0614141.812345.2","transition":"arrived","readPoint":"a",'
    b'"eventTime":"2026-11-21T07:00:00.000Z","eventID":"urn:uuid:0","stream":"s","epoch":1,"sequence":3}\n'
)


def arrived() -> bytes:
    """The golden one as the outbox keeps it, told by our reader in the stretch."""
    event = json.loads((ROOT / "tests" / "cases" / "golden" / "epcis-arrived.json").read_text())["payload"]
    kept = {name: event[name] for name in ("id", "source", "type", "subject", "time", "datacontenttype", "data")}
    kept["data"]["eventTime"] = "2026-11-21T07:00:00.000Z"
    kept["data"]["readpoint:observation"]["sources"] = [{"device": "reader", "reads": 3, "peakRssi": -50.0}]
    return json.dumps(kept, separators=(",", ":")).encode()[1:-1]


def correct(*arguments: str | Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "gateway", "correct", *STRETCH, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("lines", [[], [EVENT]])
@pytest.mark.parametrize("shown", [(), ("--json",)])
async def test_a_gateway_that_ends_meanwhile_is_no_success(
    tmp_path: Path, lines: list[bytes], shown: tuple[str, ...]
) -> None:
    async def half(_request: protocol.AnyAsk, _uid: int) -> AsyncGenerator[bytes, None]:
        for line in lines:
            yield line

    async with ControlServer(half).serve(tmp_path / "rfid.sock"):
        code, said = await asyncio.to_thread(correct, "--run-dir", tmp_path, *shown)
    assert (code, said) == (
        1,
        "Error: the gateway ended before it said what was done: ask again, nothing is declared twice\n",
    )


async def test_a_stopped_gateway_is_not_changed_by_who_cannot_be_noted(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    folder = tmp_path / "state" / "rfid"
    folder.mkdir(parents=True)
    async with open_outbox(folder, "rfid", Outbox()) as outbox:
        outbox.put(Work((Draft("epcis", "aisle-a", bytes(16), arrived()),)))
        await outbox.flush()
    (folder / audit.FILE).symlink_to("/dev/full")
    code, said = await asyncio.to_thread(correct, "--config", tmp_path / "site.yaml")
    assert code == 1
    assert "nothing was changed, for it cannot be noted who did: " in said
    assert "No space left" in said
    (folder / audit.FILE).unlink()
    code, said = await asyncio.to_thread(correct, "--config", tmp_path / "site.yaml")
    assert code == 0, said
    asked, done = [json.loads(line) for line in (folder / audit.FILE).read_text().splitlines()]
    assert (asked["uid"], done["corrected"][0]["events"]) == (os.getuid(), [[1, 1]])
