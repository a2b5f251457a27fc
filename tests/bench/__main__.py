"""`make bench`: every benchmark beside the code, one after the other, each in its own process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run all, or those whose names are given, whole or in part."""
    wanted = sys.argv[1:]
    every = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    scripts = [
        path
        for name, path in every.items()
        if not wanted or any(one == name or (one in name and one not in every) for one in wanted)
    ]
    system = f"{platform.system()} {platform.release()}"
    print(
        f"machine: {_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()} of {sys.base_prefix}, {system}"
    )
    failed = []
    for script in scripts:
        print(f"\n## {script.stem.removeprefix('bench_')}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"tests.bench.{script.stem}"], cwd=HERE.parents[1], check=False
        ).returncode:
            failed.append(script.stem)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
