"""What is wrong with a configuration file, in one line a technician can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

Code = Literal[
    # the file
    "file-missing",
    "file-unreadable",
    "not-utf8",
    "too-large",
    "too-deep",
    "empty",
    # YAML
    "yaml-syntax",
    "yaml-tag",
    "yaml-anchor",
    "many-documents",
    "duplicate-key",
    # one key at a time
    "unknown-key",
    "missing",
    "wrong-type",
    "bad-value",
    "bad-name",
    "bad-url",
    "bad-sgln",
    "secret-inline",
    "unknown-driver",
    "unlisted-driver",
    "unknown-timezone",
    "unknown-word",
    "unknown-scheme",
    # identity maps
    "bad-identity",
    "identity-conflict",
    "too-many-identities",
    # what must fit together
    "unknown-segment",
    "unknown-read-point",
    "unknown-device",
    "unknown-signal",
    "both-given",
    "no-read-point",
    "side-missing",
    "two-segments",
    "plain-not-allowed",
    "insecure-uplink",
    "same-uri",
    "same-port",
    "unknown-port",
    # warnings
    "unused-read-point",
    "unused-segment",
    "one-sided-portal",
    "no-certificate",
    "key-permissions",
    "same-host",
    "unplugged-port",
    "no-effect",
]
"""Every code there is; docs/configuration.md explains each. A code never changes its meaning."""

CODES: tuple[str, ...] = get_args(Code)

_LONGEST = 500


class Problem(NamedTuple):
    """One mistake: where it stands (line and column from 1), its code, the dotted path of the key, what to do."""

    file: str
    line: int
    column: int
    code: Code
    path: str
    text: str

    def __str__(self) -> str:
        """`FILE:LINE:COL: CODE: PATH: text`, always one line of printable characters."""
        where = f"{self.path}: " if self.path else ""
        return _printable(f"{self.file}:{self.line}:{self.column}: {self.code}: {where}{self.text}")


class ConfigError(Exception):
    """The file cannot be used. `problems` holds every mistake in it, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)
        self.warnings = list(warnings)


def _printable(text: str) -> str:
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in shown)
