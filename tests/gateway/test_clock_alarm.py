"""A clock that is wrong is told as a device would be: in `health`, in `status`, in the log."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.answers import overview
from gateway.config.load import load
from gateway.segment import Pace, running
from gateway.troubles import troubles
from tests.driving import until
from tests.gateway.test_segment import SITE


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
