"""The pictures of docs/location.md are what the rules decide today: drawn again, they are the same."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "scripts/location-pictures"))["PICTURES"]
AGAIN = "the rules decide otherwise now, or draw otherwise: run .venv/bin/python scripts/location-pictures, and look"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_is_decided_today(name: str) -> None:
    assert (ROOT / "docs/location" / f"{name}.svg").read_text(encoding="utf-8") == PICTURES[name](), AGAIN


def test_the_page_shows_every_picture() -> None:
    shown = re.findall(r"\]\(location/([a-z-]+)\.svg\)", (ROOT / "docs/location.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES)
    assert sorted(path.stem for path in (ROOT / "docs/location").iterdir()) == sorted(PICTURES)
