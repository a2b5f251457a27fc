"""What every test may ask for: material from outside, brokers, and the rule that a skip in CI is a failure."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["tests.brokers"]
ROOT = Path(__file__).resolve().parents[1]

# How long an example takes says nothing on a busy machine. With CI set every run draws the same examples: what lands
# is what was tested; new ones are sought wherever else the tests are run.
_LANDING = bool(os.environ.get("CI"))
hypothesis.settings.register_profile(
    "readpoint",
    deadline=None,
    derandomize=_LANDING,
    database=None if _LANDING else hypothesis.settings.get_profile("default").database,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
hypothesis.settings.load_profile("readpoint")

# A shell starts what runs behind it (`make test &` in a script) with SIGINT ignored, and so its children, which are to
# end by it here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def material() -> Path:
    """The folder of outside material: READPOINT_MATERIAL, else ../shared/material beside the project."""
    folder = Path(os.environ.get("READPOINT_MATERIAL") or ROOT.parent / "shared" / "material")
    if not folder.is_dir():
        pytest.skip(f"outside material is not here: set READPOINT_MATERIAL (looked in {folder})")
    return folder


def privileged() -> bool:
    """Whether this is root, and may mount (capabilities(7): CAP_SYS_ADMIN is bit 21); some containers' root may not."""
    if os.geteuid() != 0:
        return False
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return True
    return any(bool(int(line[7:], 16) >> 21 & 1) for line in status.splitlines() if line.startswith("CapEff:"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI set, a test that skips although it could have run is a failure; one of root's can run for root alone."""
    report = yield
    could_run = privileged() or item.get_closest_marker("root") is None
    if os.environ.get("CI") and could_run and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {item.nodeid}: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Time by folder, so that a suite that grows slow is seen where it does."""
    folders: dict[str, tuple[float, int]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folder = str(Path(report.location[0]).parent)
                seconds, tests = folders.get(folder, (0.0, 0))
                folders[folder] = (seconds + report.duration, tests + (report.when == "call"))
    terminalreporter.section("time by folder")
    for folder, (seconds, tests) in sorted(folders.items(), key=lambda item: -item[1][0]):
        terminalreporter.write_line(f"{seconds:8.1f} s  {tests:4d} tests  {folder}")
