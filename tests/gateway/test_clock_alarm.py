"""A clock that is wrong is told as a device would be: in `health`, in `status`, in the log."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.answers import overview
from gateway.config.load import load
from gateway.outbox.host_clock import kernel
from gateway.segment import Pace, running
from gateway.troubles import troubles
from tests.driving import until
from tests.gateway.test_segment import SITE


async def test_what_is_stored_before_the_last_time_seen_says_that_the_clock_is_unset(
    tmp_path: Path, free_port: int
) -> None:
    """A box without a battery starts in the past, though after this version was made. A time service is believed."""
    synchronized = kernel().synchronized
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(port=free_port))
    (tmp_path / "state" / "rfid").mkdir(parents=True, mode=0o700)
    (tmp_path / "state" / "rfid" / "clock").write_text(f'{{"seen": {time.time() + 86400.0}}}')
    async with running(load(file).site, "rfid", "1") as parts:
        await until(lambda: parts.outbox.stats.appended >= 1)
        row = await parts.outbox.show(sequence=1)
        assert (parts.clock.wait() is None) == synchronized
    assert row is not None
    assert json.loads(row.payload)["clock"] == ("synchronized" if synchronized else "unset")


async def test_a_clock_that_was_set_is_an_event_and_an_alarm(
    tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(port=free_port))
    ahead = [0.0]
    pace = Pace(clock=0.01)
    async with running(load(file).site, "rfid", "1", pace, lambda: time.time() + ahead[0]) as parts:
        assert parts.clock.look().alarm is None
        ahead[0] = 7200.0
        await until(lambda: parts.clock.view.alarm is not None)
        await until(lambda: any(record.getMessage().startswith("clock: degraded") for record in caplog.records))
        assert parts.clock.view.offset == pytest.approx(7200.0, abs=10.0)
        assert parts.clock.view.alarm in troubles(overview(parts))
        await parts.outbox.flush()
        entries = [one for one in await parts.outbox.rows() if one.name == "clock"]
        rows = [await parts.outbox.show(epoch=one.epoch, sequence=one.sequence) for one in entries]
    told = [json.loads(row.payload)["data"] for row in rows if row is not None]
    assert [(one["device"], one["state"]) for one in told] == [("clock", "degraded")]
    kept = json.loads((tmp_path / "state" / "rfid" / "clock").read_bytes())
    assert kept["seen"] == pytest.approx(time.time() + 7200.0, abs=300.0)
