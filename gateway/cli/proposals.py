"""What `tune` found, as tables for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table

from gateway.cli.tables import escape, screen, table_of
from gateway.config.edit import Edited, line_of
from gateway.explain.clock import label
from gateway.model import Port as RulePort
from gateway.tuning.gaps import Gaps
from gateway.tuning.offsets import FEWEST, Gain
from gateway.tuning.search import Accuracy, Found
from gateway.tuning.settings import Edit
from gateway.tuning.stands import Port


class Proposal(NamedTuple):
    """All that was found; `found` where there was a truth. `text` is the site file as it is."""

    config: Path
    ports: Mapping[Port, RulePort]
    gains: Mapping[Port, Gain]
    gaps: Mapping[str, Gaps]
    found: Found | None
    changes: Sequence[Edit]
    edited: Edited
    text: str


def print_proposal(proposal: Proposal, console: Console | None = None) -> None:
    """Antennas, silences, how true it is, and the lines to change."""
    console = console or screen()
    console.print(_antennas(proposal))
    if not proposal.gains:
        click.echo(f"offsets are not known: at two antennas at least {FEWEST} tags have to stand still for 20 s each")
    console.print(_silences(proposal.gaps))
    if proposal.found is not None:
        console.print(_accuracies(proposal.found))
    click.echo(_verdict(proposal))
    for line in _lines(proposal):
        click.echo(line)


def as_document(proposal: Proposal) -> str:
    """One JSON object."""
    found = proposal.found
    return msgspec.json.encode(
        {
            "antennas": [_antenna(port, proposal) for port in proposal.ports],
            "zones": {zone: gaps._asdict() for zone, gaps in sorted(proposal.gaps.items())},
            "accuracy": None if found is None else {"before": _figures(found.before), "after": _figures(found.after)},
            "trials": 0 if found is None else found.trials,
            "keep": not proposal.changes,
            "changes": [
                {
                    "path": _path(change),
                    "line": line_of(proposal.text, change.place),
                    "before": change.before,
                    "value": change.value,
                }
                for change in proposal.changes
            ],
            "lines": [
                {"file": str(proposal.config), "line": line.number, "before": line.before, "after": line.after}
                for line in proposal.edited.lines
            ],
        }
    ).decode()


def _antennas(proposal: Proposal) -> Table:
    table = table_of("antenna", "zone", "tags stood", "level", "against the others", "rssi_offset_db now")
    for port, rule in proposal.ports.items():
        gain = proposal.gains.get(port)
        table.add_row(
            escape(label(*port)),
            escape(rule.read_point),
            str(gain.stands) if gain else f"fewer than {FEWEST}",
            f"{gain.level:.1f} dBm" if gain else "-",
            f"{gain.gain:+.1f} ± {gain.error:.1f} dB" if gain else "-",
            f"{rule.rssi_offset_db:g}",
        )
    return table


def _silences(gaps: Mapping[str, Gaps]) -> Table:
    table = table_of("zone", "objects", "silences: median", "1 in 100", "1 in 1000", "longest", "beyond its timeout")
    for zone, each in sorted(gaps.items()):
        seconds = (f"{value:.2f} s" for value in (each.median, each.p99, each.p999, each.longest))
        table.add_row(escape(zone), str(each.objects), *seconds, str(each.over))
    return table


def _accuracies(found: Found) -> Table:
    table = table_of("how true", "event F1", "time right", "held out: event F1", "time right")
    for name, each in (("before", found.before), ("after", found.after)):
        parts = (each.whole, each.held_out)
        table.add_row(name, *(f"{figure:.3f}" for part in parts for figure in (part.f1, part.time_right)))
    return table


def _verdict(proposal: Proposal) -> str:
    found = proposal.found
    if found is None:
        if not proposal.changes:
            return "keep the offsets as they are; a truth (--truth walk.csv) would tell about the other settings"
        return "these lines make the antennas equal; whether that helps, only a truth can tell (--truth walk.csv):"
    if not proposal.changes:
        return f"keep the settings as they are: none of {found.trials - 1} others was surely truer"
    return f"the best of {found.trials} settings, truer on the part that they were not fitted to as well:"


def _lines(proposal: Proposal) -> Iterable[str]:
    """As a person finds and writes them."""
    for line in proposal.edited.lines:
        yield f"{proposal.config}:{line.number}{'' if line.before else ': new, above this line'}"
        yield from (f"- {text}" for text in line.before)
        yield from (f"+ {text}" for text in line.after)
    left = {wanted.place for wanted in proposal.edited.left}
    for change in proposal.changes:
        if change.place in left:
            at = line_of(proposal.text, change.place)
            yield f"{proposal.config}:{at}: write {_path(change)}: {change.value} (now {change.before}) by hand"


def _antenna(port: Port, proposal: Proposal) -> dict[str, Any]:
    gain = proposal.gains.get(port)
    rule = proposal.ports[port]
    one = {"device": port[0], "antenna": port[1], "zone": rule.read_point, "rssi_offset_db": rule.rssi_offset_db}
    return one | (
        {"stands": gain.stands, "level": gain.level, "gain": gain.gain, "error": gain.error} if gain is not None else {}
    )


def _figures(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "f1": accuracy.whole.f1,
        "timeRight": accuracy.whole.time_right,
        "heldOut": {"f1": accuracy.held_out.f1, "timeRight": accuracy.held_out.time_right},
    }


def _path(change: Edit) -> str:
    return ".".join(str(key) for key in change.place)
