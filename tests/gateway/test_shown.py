"""The text file of a node-exporter, in a folder that is not ours alone."""

from __future__ import annotations

import os
from pathlib import Path

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
