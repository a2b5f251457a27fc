"""A simulated floor is recorded, and tuned by what it says really happened: three commands, one after the other."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

from tests.scenarios.test_command_line import ended, readpoint
from tests.scenarios.test_main_path import ZONES
from tests.scenarios.test_record import SITE

TAGS = 6


async def test_a_simulated_floor_is_tuned_by_its_own_truth(tmp_path: Path) -> None:
    truth, recording, site = tmp_path / "truth.jsonl", tmp_path / "floor.jsonl", tmp_path / "site.yaml"
    told = ("--zones", "aisle-a,aisle-b", "--tags", str(TAGS), "--stay", "3", "--truth", truth)
    async with readpoint("simulate", "llrp", "--port", "0", *told) as floor:
        assert floor.stderr is not None
        listens = re.search(rb":(\d+)$", (await floor.stderr.readline()).rstrip())
        assert listens is not None
        site.write_text(SITE.format() + ZONES.format(port=int(listens[1]), timeout="30s"))
        async with readpoint("record", recording, "--direct", "--config", site, "--for", "8s") as recorder:
            code, _, said = await ended(recorder)
        assert code == 0, said
        floor.send_signal(signal.SIGINT)
        code, _, said = await ended(floor)
        assert code == 0, said
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len({row["epc"] for row in rows}) == TAGS
    async with readpoint("tune", "--config", site, "--truth", truth, recording, "--json") as tuning:
        code, out, said = await ended(tuning)
    assert code == 0, said
    accuracy = json.loads(out)["accuracy"]
    assert accuracy["before"]["timeRight"] > 0.5
