"""How true zone decisions are, on floors with known truth: `python -m tests.bench.bench_worlds [SEEDS]`.

Floors of our own (`worlds`), the same defaults everywhere, four rules side by side (`zone_rules`). Where the outside
material lies beside the project, its public worlds too, through `readpoint replay`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import fmean

from gateway.location.zone import ZoneRule
from tests.bench.worlds import FLOORS, Score, Told, World, make, score
from tests.bench.zone_rules import Filter, Mean, edgex, run

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("READPOINT_MATERIAL") or ROOT.parent / "shared" / "material").parent

RULES: dict[str, Callable[[World], list[Told]]] = {
    "EdgeX": edgex,
    "mean": partial(run, rule=Mean),
    "filter": partial(run, rule=Filter),
    "ours": partial(run, rule=ZoneRule),
}


def mean(scores: Iterable[Score]) -> Score:
    """Of several worlds of one floor."""
    return Score(*(fmean(figures) for figures in zip(*scores, strict=True)))


def main() -> None:
    """Print the table: F1 of events / share of time in the right zone / median seconds to the decision."""
    seeds = range(1, 1 + int(sys.argv[1]) if len(sys.argv) > 1 else 4)
    print(f"zones, F1 / time right / median s to the decision, mean of {len(seeds)} worlds each")
    every: dict[str, list[Score]] = {name: [] for name in RULES}
    for floor in FLOORS:
        worlds = [make(floor, seed) for seed in seeds]
        for name, rule in RULES.items():
            found = mean(score(rule(world), world) for world in worlds)
            every[name].append(found)
            print(f"zones, {floor.name}, {name}: {found.f1:.3f} / {found.right:.3f} / {found.latency:.1f}", flush=True)
    for name, scores in every.items():
        found = mean(scores)
        print(f"zones, all floors, {name}: {found.f1:.3f} / {found.right:.3f} / {found.latency:.1f}")
    public = SHARED / "location" / "bench.py"
    if public.is_file():
        print("public worlds (targets: normal .92/.94, noisy .82/.88, blocked .85/.92, outage .85/.93)", flush=True)
        subprocess.run([sys.executable, public, Path(sys.executable).parent / "readpoint"], check=True)


if __name__ == "__main__":
    main()
