"""With CI set a skip is a failure, but for what only root can do where nobody is root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TESTS = """\
import os, pytest
os.geteuid = lambda: 1000

@pytest.mark.root
def test_of_root():
    pytest.skip("needs root")

def test_of_anybody():
    pytest.skip("lazy")
"""


def test_a_skip_of_what_could_not_run_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    plain = ("-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "-o", "markers=root")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plain, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, "CI": "1"},
    )
    assert "\n1 failed, 1 skipped in " in done.stdout, done.stdout + done.stderr
    assert "skipped in CI" in done.stdout
    assert "test_of_anybody" in done.stdout
