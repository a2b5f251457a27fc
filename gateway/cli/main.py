"""The `readpoint` command: a file per command group, imported when first used.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 configuration refused (EX_CONFIG). Data goes to stdout, the rest to
stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, cast

import click

from gateway.config.problem import ConfigError
from gateway.control.client import NotRunning, Refused

EX_CONFIG = 78

COMMANDS = {
    "check": "gateway.cli.check:check",
    "completion": "gateway.cli.completion:completion",
    "demo": "gateway.cli.demo:demo",
    "outbox": "gateway.cli.outbox:outbox",
    "record": "gateway.cli.record:record",
    "replay": "gateway.cli.replay:replay",
    "run": "gateway.cli.run:run",
    "schema": "gateway.cli.schema:schema",
    "simulate": "gateway.cli.simulate:simulate",
    "status": "gateway.cli.status:status",
    "tail": "gateway.cli.tail:tail",
}


class LazyGroup(click.Group):
    """Commands by name, each imported when it is asked for, so that the small ones start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415 - only a mistyped command needs it

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            if close:
                raise click.UsageError(f"{error.message} Did you mean '{close[0]}'?", ctx) from None
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="readpoint", prog_name="readpoint")
def cli() -> None:
    """Edge gateway of a warehouse: RFID reads in, true location events out, none lost.

    \b
    First steps:
      readpoint demo                 the whole path on simulators, nothing to configure
      readpoint check site.yaml      is the configuration right?
      readpoint run site.yaml        run it
      readpoint status               how is it?
      readpoint tail                 what is it saying?
    """


def main() -> None:
    """Run the command line and turn what went wrong into one clear line and the right exit code."""
    try:
        sys.exit(_run(lambda: cli.main(standalone_mode=False)))
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `readpoint tail | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _run(command: Callable[[], Any]) -> int:
    try:
        result = command()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        return EX_CONFIG
    except (NotRunning, Refused, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        click.echo(f"readpoint: {error}", err=True)
        return 1
    return result if isinstance(result, int) else 0
