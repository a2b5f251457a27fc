"""Folders whose names leave no room for what is made in them: a socket's path and a database's are short."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from gateway.config.document import Node
from gateway.config.findings import Findings

LONGEST_SOCKET = 107
"""Bytes of a socket's path (unix(7)), its final NUL left out."""

LONGEST_FOLDER = 400
"""Bytes of a segment's folder: SQLite opens no file whose path has more than 504, and a damaged one lies deeper."""

LONGEST_NAME = 255
"""Bytes of one name in a path."""


def check_folders(root: Node, base: Path, segments: Collection[str] | None, findings: Findings) -> None:
    """Adds `run_dir` and `state_dir` where they are too long for one of these segments, or of all."""
    gateway, node = root.get("gateway"), root.get("segments")
    if gateway is None or node is None or node.kind != "mapping":
        return
    names = [str(name) for name in node.items if segments is None or name in segments]
    longest = max(names, key=len, default=None)
    for key, rest, most, better in (
        ("run_dir", f"{longest}.sock", LONGEST_SOCKET, "/run/readpoint"),
        ("state_dir", f"{longest}", LONGEST_FOLDER, "/var/lib/readpoint"),
    ):
        text = gateway.text(key)
        if longest is None or text is None or "\0" in text:
            continue
        path = base / text / rest
        size = len(os.fsencode(path))
        if size > most:
            told = f"{path} has {size} bytes and may have {most}: write a shorter path, as in {better}"
            findings.error("bad-value", ("gateway", key), told)
        elif any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
            findings.error("bad-value", ("gateway", key), f"a name in it has more than {LONGEST_NAME} bytes")
