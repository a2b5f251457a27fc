"""The text file of a node-exporter, in a folder that is not ours alone."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from gateway.config.site import Metrics
from gateway.visible import shown
from gateway.visible.shown import _write


def test_what_others_left_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    ours = tmp_path / "outbox.db"
    ours.write_bytes(b"events")
    file = tmp_path / "readpoint.prom"
    (tmp_path / "readpoint.new").symlink_to(ours)
    _write(file, b"one\n")
    assert (ours.read_bytes(), file.read_bytes()) == (b"events", b"one\n")
    os.mkfifo(tmp_path / "readpoint.new")  # to open it would be to wait for ever
    _write(file, b"two\n")
    assert file.read_bytes() == b"two\n"
    assert not file.is_symlink()


async def test_no_file_outlives_the_process_however_slow_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, disk = threading.Event(), threading.Event()

    def slow(file: Path, content: bytes) -> None:
        begun.set()
        disk.wait(30.0)
        _write(file, content)

    monkeypatch.setattr(shown, "_write", slow)
    showing = asyncio.create_task(shown.show(Metrics(textfile=tmp_path), {}))
    await asyncio.to_thread(begun.wait, 30.0)
    showing.cancel()
    for _ in range(10):  # whoever does not wait for the disk has removed the file by then
        await asyncio.sleep(0)
    disk.set()
    await asyncio.wait({showing})
    await asyncio.get_running_loop().shutdown_default_executor()
    assert showing.cancelled()
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_has_no_name_that_its_node_exporter_has() -> None:
    """It drops the second of a name, and complains of it at every scrape."""
    it = shown.Shown({})
    assert b"process_" not in it.metrics()
    answer = it.asked("/metrics")
    assert answer is not None
    assert b"\nprocess_resident_memory_bytes " in answer.content
    assert answer.content.startswith(it.metrics())
