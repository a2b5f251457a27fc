"""What a release changes beside its heading in CHANGELOG.md."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from gateway.outbox.host_clock import PLAUSIBLE

ROOT = Path(__file__).resolve().parents[2]
BEGAN = "2026-01-01"
"""Before any release: the year in which work on it began."""

_HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (unreleased|\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def released(changes: str) -> str:
    """When the newest release was, or none yet."""
    return max((when for _, when in _HEADING.findall(changes) if when != "unreleased"), default=BEGAN)


def test_no_clock_is_believed_that_is_before_the_newest_release() -> None:
    """Who dates a release in CHANGELOG.md sets PLAUSIBLE to that date: no machine has this version before it."""
    date = released((ROOT / "CHANGELOG.md").read_text())
    assert datetime.fromtimestamp(PLAUSIBLE, UTC).strftime("%Y-%m-%d") == date
    assert PLAUSIBLE % 86_400 == 0.0


def test_the_newest_heading_is_of_the_version_that_is_built() -> None:
    newest, _ = _HEADING.findall((ROOT / "CHANGELOG.md").read_text())[0]
    assert newest == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_date_of_a_release_is_that_of_its_heading() -> None:
    changes = "## [Unreleased]\n\n## [1.0.0] - unreleased\n\n## [0.2.0] - 2027-03-04\n\n## [0.1.0] - 2026-12-01\n"
    assert released(changes) == "2027-03-04"
    assert released("## [0.1.0] - unreleased\n") == BEGAN
