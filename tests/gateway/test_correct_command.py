"""`readpoint correct` as a person meets it where the gateway goes away, or nobody can be told who did it."""

from __future__ import annotations

import asyncio
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
    async def half(_request: protocol.AnyAsk) -> AsyncGenerator[bytes, None]:
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
        outbox.put(Work((Draft("epcis", "aisle-a", bytes(16), b'"n":1'),)))
        await outbox.flush()
    (folder / audit.FILE).mkdir()
    code, said = await asyncio.to_thread(correct, "--config", tmp_path / "site.yaml")
    assert code == 1
    assert "nothing was changed, for it cannot be noted who did: " in said
    assert audit.FILE in said
