"""How long the small commands take from nothing: a person at a prompt, a script in a loop."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 7
READ = '{"time": 1790000000.125, "device": "reader", "epc": "3074257bf7194e4000001a85", "rssi": -61.5}\n'


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "dock.jsonl"
        recording.write_text(READ)
        site = str(ROOT / "config" / "minimal.yaml")
        # Compiled once, as an installed program is, whatever this shell's Python is told.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        commands = (
            ("--help", ["--help"]),
            ("check", ["check", site]),
            ("replay", ["replay", "--config", site, str(recording)]),
        )
        for name, arguments in commands:
            _seconds(arguments, environment)
            best = min(_seconds(arguments, environment) for _ in range(ROUNDS))
            print(f"readpoint {name}: {best:.2f} s (target <= 0.4 s)")


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    begin = perf_counter()
    command = [sys.executable, "-m", "gateway", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return perf_counter() - begin


if __name__ == "__main__":
    main()
