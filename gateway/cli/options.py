"""What several commands take in the same words."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from pathlib import Path

import click

PORT = click.IntRange(0, 65_535)
"""A TCP port; 0 is any."""

pty_option = click.option(
    "--pty", type=click.Path(path_type=Path), help="Speak on a serial port; this link will lead to it."
)


class DurationType(click.ParamType[float]):
    """`500ms`, `20s`, `2m`, as in site files; seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from drivers.contract import parse_duration  # noqa: PLC0415 - loads pydantic

        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        assert isinstance(seconds, float)
        return seconds


class SizeType(click.ParamType[int]):
    """`64MiB`, `2GiB`, as in site files; bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from drivers.contract import parse_size  # noqa: PLC0415 - loads pydantic

        try:
            size = parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        assert isinstance(size, int)
        if not size:
            self.fail(f"{value!r} is no room at all: write a size such as 64MiB", param, ctx)
        return size


class InstantType(click.ParamType[dt.datetime]):
    """RFC 3339, or date and time on this machine's clock."""

    name = "time"

    def convert(
        self, value: str | dt.datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            return dt.datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail(
                f"'{value}' is no time: write 2026-11-21T17:42:03Z, or 2026-11-21T18:42 in local time", param, ctx
            )


class AddressType(click.ParamType[tuple[str, int]]):
    """`HOST:PORT` → both; port 0 is one."""

    name = "host:port"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if not isinstance(value, str):
            return value
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            self.fail(f"'{value}' is no address: write HOST:PORT, as in 127.0.0.1:4001", param, ctx)
        return host, int(port)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence for a name that is none of those there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"there is no {kind} '{name}': there {'is' if len(names) == 1 else 'are'} {', '.join(names) or 'none'}{hint}"
