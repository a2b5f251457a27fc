"""The last minutes of a running segment, asked for as `readpoint explain` does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from drivers.contract import Batch, Observation, Read, Status
from gateway.answers import Parts
from gateway.cli.recent import recent
from gateway.cli.sockets import Where
from gateway.config.load import load
from gateway.control import protocol
from gateway.control.client import Refused, ask
from gateway.explain.clock import Moment
from gateway.explain.document import Explanation, explain
from gateway.explain.material import Material, before
from gateway.explain.recording import Explained
from gateway.explain.subject import Subject
from gateway.model import Identity, Present, Transition
from gateway.segment import running
from gateway.timestamps import rfc3339
from tests.driving import until

EPC = "3074257bf7194e4000001a85"
URN = "urn:epc:id:sgtin:0614141.812345.6789"
OBJECT = Identity(URN, "sgtin", "instance")

Window = tuple[Moment | None, Moment | None]

SITE = """\
version: 1
gateway: {{id: gw-1, site: lab, timezone: Europe/Madrid, state_dir: state, run_dir: run}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}}}
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, dwell: 200ms}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, dwell: 200ms}}
devices:
  reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {port}, antennas: {{1: aisle-a, 2: aisle-b}}}}
"""


@asynccontextmanager
async def segment(folder: Path, port: int) -> AsyncIterator[Parts]:
    """As it runs, with a reader that does not answer: what is read is put into its inbox."""
    file = folder / "site.yaml"
    file.write_text(SITE.format(port=port))
    async with running(load(file).site, "rfid", "1") as parts:
        yield parts


async def heard(parts: Parts, antenna: int, reads: int, decided: int, epc: str = EPC) -> None:
    """So many reads at a time when the pipeline takes them, until so many events were decided."""
    end = time.time()
    batch: list[Observation] = [Status(None, "online", "", end - 60)]
    batch += [Read("epc", bytes.fromhex(epc), end - (reads - n) / 20, antenna, -50.0) for n in range(reads)]
    parts.inbox.put("reader", Batch(batch))
    await until(lambda: parts.pipeline.decided >= decided)


async def asked(folder: Path, text: str, window: Window = (None, None)) -> Explained:
    found, _ = await asyncio.to_thread(recent, Where(None, folder / "run", ()), Subject(text), window)
    return found


def said(found: Explained) -> Explanation:
    from zoneinfo import ZoneInfo

    [(name, trace)] = found.traces.items()
    return explain(trace, name, ZoneInfo("UTC"))


async def test_the_running_gateway_says_why_a_tag_is_where_it_is(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
        value = said(await asked(tmp_path, URN))
    assert (value.segment, value.object, value.zone, value.reads) == ("rfid", URN, "aisle-a", 40)
    [arrived] = value.events
    assert arrived.what == "arrived aisle-a"
    assert "aisle-a is the strongest" in arrived.why
    assert [row.zone for row in value.rows][-1] == "aisle-a"
    assert "in aisle-a since" in value.notes[0]
    assert "departs after 30 s (presence_timeout auto)" in value.notes[0]


async def test_what_was_present_before_the_gateway_started_is_so_in_its_trace(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 10, 0)
        await until(lambda: parts.engine.counts.reads == 10)
        found = await asked(tmp_path, EPC)
    value = said(found)
    assert (value.zone, value.events) == ("aisle-a", [])
    assert value.rows
    assert {row.zone for row in value.rows} == {"aisle-a"}


async def test_from_and_to_leave_out_what_the_gateway_decided_before_and_after(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
        [arrived] = parts.history.told
        later = Moment(rfc3339(arrived.decided + 0.01))
        after = said(await asked(tmp_path, EPC, (later, None)))
        before = said(await asked(tmp_path, EPC, (None, Moment(rfc3339(arrived.time - 1)))))
    assert (after.events, after.zone) == ([], "aisle-a"), "it was told before, and is still there"
    assert all("arrived aisle-a" not in row.events for row in after.rows)
    assert (before.events, before.zone, before.reads) == ([], None, 0)


async def test_what_is_present_and_was_not_read_lately_is_known(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 10, 0, "e28011602000000000000001")
        await until(lambda: parts.engine.counts.reads == 10)
        value = said(await asked(tmp_path, EPC))
    assert (value.object, value.zone, value.reads) == (URN, "aisle-a", 0)
    assert "not heard in this time" in value.notes[0]


async def test_who_was_not_read_gets_near_names(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
        found = await asked(tmp_path, EPC[:-1] + "4")
    assert found.traces == {}
    [near] = Subject(EPC[:-1] + "4").near(found.others)
    assert (near.uri, near.value, near.reads, near.device, near.antenna) == (URN, EPC, 40, "reader", 1)


async def test_many_asking_at_once_are_answered_one_after_the_other(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port) as parts:
        await heard(parts, 1, 40, 1)
        answers = await asyncio.gather(*(asked(tmp_path, EPC) for _ in range(8)))
    assert [list(one.traces) for one in answers] == [["rfid"]] * 8


@pytest.mark.parametrize("text", ["", "   ", "x" * 5000])
async def test_what_names_nobody_gets_a_sentence(tmp_path: Path, free_port: int, text: str) -> None:
    async with segment(tmp_path, free_port):
        with pytest.raises(Refused, match="name an EPC"):
            await asyncio.to_thread(lambda: list(ask(tmp_path / "run" / "rfid.sock", protocol.Explain(text))))


async def test_nothing_was_read_yet(tmp_path: Path, free_port: int) -> None:
    async with segment(tmp_path, free_port):
        lines = await asyncio.to_thread(lambda: list(ask(tmp_path / "run" / "rfid.sock", protocol.Explain(EPC))))
    [line] = lines
    material = msgspec.json.decode(line, type=Material)
    assert (material.identity, material.since, material.others) == (None, None, ())
    assert material.timezone == "Europe/Madrid"


def test_where_it_was_before_follows_from_what_was_told() -> None:
    def told(kind: str, point: str, origin: str | None = None) -> Transition:
        return Transition(kind, OBJECT, point, 1.0, 1.0, 1.0, 1.0, origin=origin)  # type: ignore[arg-type]

    here = Present(OBJECT, "a", 1.0, 1.0, "zone")
    assert before(here, []) == "a"
    assert before(None, []) is None
    assert before(here, [told("arrived", "a")]) is None
    assert before(here, [told("moved", "a", "b"), told("moved", "c", "a")]) == "b"
    assert before(None, [told("passed", "dock"), told("departed", "c")]) == "c"
