"""The process around the segments: what a reload may not do to them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Never, cast

import pytest

from gateway import app
from gateway.config.load import load

MINIMAL = Path(__file__).resolve().parents[2] / "config" / "minimal.yaml"


async def test_a_bug_that_a_new_site_file_brings_out_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def buggy(*_args: object, **_named: object) -> Never:
        raise RecursionError("too deep")

    site, reload = load(MINIMAL, files=False).site, asyncio.Event()
    monkeypatch.setattr(app, "load", buggy)
    nobody = cast("app._Segments", None)
    task = asyncio.create_task(app._reloading(site, (), nobody, reload))
    async with asyncio.timeout(30.0):
        for times in (1, 2):
            reload.set()
            while caplog.text.count("not reloaded, by a bug") < times and not task.done():  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.01)
    assert "RecursionError: too deep" in caplog.text
    assert not task.done()
    task.cancel()
