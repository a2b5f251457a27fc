"""Devices leave some file descriptors for everything else, and say so."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from gateway import descriptors


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> int:
    """The kernel's answer is that so many more than are open now are allowed: what devices leave, and two."""
    limit = sum(1 for _ in Path("/dev/fd").iterdir()) + descriptors.RESERVE + 2
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    return limit


def test_a_device_is_opened_only_where_the_reserve_is_left(limited: int) -> None:
    with (
        descriptors.one_more(),
        descriptors.one_more(),
        descriptors.one_more(),
        pytest.raises(OSError, match="Too many open files") as refused,
        descriptors.one_more(),
    ):
        pass
    assert descriptors.ran_out(refused.value)
    assert f"may have {limited}" in descriptors.told()
    assert "LimitNOFILE" in descriptors.told()
    with descriptors.one_more():
        pass


def test_what_was_brought_about_by_the_lack_is_the_lack() -> None:
    wrapped = RuntimeError("no link")
    wrapped.__cause__ = OSError(errno.ENFILE, "file table overflow")
    assert descriptors.ran_out(wrapped)
    assert not descriptors.ran_out(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    assert not descriptors.ran_out(None)
