"""The `readpoint` command: a file per command group, imported when first used.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 configuration refused (EX_CONFIG); 130 when interrupted. Data goes to
stdout, the rest to stderr.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import click

from gateway.config.problem import ConfigError
from gateway.control.errors import NotRunning, Refused

EX_CONFIG = 78
INTERRUPTED = 130
COMPLETE = "_READPOINT_COMPLETE"
"""The variable in which a shell asks for completions."""


class Lazy(NamedTuple):
    """Where a command is, and its help in a line: the list of commands imports none of them."""

    target: str
    summary: str


COMMANDS = {
    "asyncapi": Lazy("gateway.cli.asyncapi:asyncapi", "Print what gateways say and hear over MQTT."),
    "check": Lazy("gateway.cli.check:check", "Check a site FILE: all its errors in one pass."),
    "completion": Lazy("gateway.cli.completion:completion", "Print the completion script of SHELL."),
    "correct": Lazy("gateway.cli.correct:correct", "Take back what a device said wrongly."),
    "count": Lazy("gateway.cli.count:count", "Hold a physical count against what is present."),
    "demo": Lazy("gateway.cli.demo:demo", "Show reads becoming events at a central service."),
    "explain": Lazy("gateway.cli.explain:explain", "Explain why a tag is where it is."),
    "orphans": Lazy("gateway.cli.orphans:orphans", "List identifiers without a GS1 id."),
    "outbox": Lazy("gateway.cli.outbox:outbox", "Look into the durable queue of a segment."),
    "record": Lazy("gateway.cli.record:record", "Record reads, signals and states to FILE."),
    "replay": Lazy("gateway.cli.replay:replay", "Decide again what RECORDING says, in its own time."),
    "run": Lazy("gateway.cli.run:run", "Run a site FILE until SIGTERM or Ctrl-C."),
    "schema": Lazy("gateway.cli.schema:schema", "Print the JSON schema of site files, with every default."),
    "simulate": Lazy("gateway.cli.simulate:simulate", "Simulate devices of the floor, on their real wire."),
    "status": Lazy("gateway.cli.status:status", "Show uplink, outbox and devices of the running gateway."),
    "tail": Lazy("gateway.cli.tail:tail", "Show events as they are stored, until Ctrl-C."),
    "tune": Lazy("gateway.cli.tune:tune", "Tune a site by a RECORDING: offsets of antennas, timeouts, thresholds."),
}


class LazyGroup(click.Group):
    """Commands by name, each imported when it is asked for, so that the small ones start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in sorted(COMMANDS)])


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

    \b
    Exit codes:
      0 done   1 failed   2 wrong usage   78 configuration refused
    """


def main() -> None:
    """Run the command line and turn what went wrong into one clear line and the right exit code."""
    asked = os.environ.get(COMPLETE)
    if asked:
        from click.shell_completion import shell_complete  # noqa: PLC0415 - only a shell that completes needs it

        sys.exit(shell_complete(cli, {}, "readpoint", COMPLETE, asked))
    # What a command has written by then is written whole, as at Ctrl-C; `run` has its own, gentler answer.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Started without them, as in `readpoint status >&-`, it has nobody to tell.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or sys.stdout
    sys.exit(_run(lambda: _invoke(sys.argv[1:])))


def _invoke(arguments: list[str]) -> Any:
    # Not `cli.main`: it would make its own of a closed pipe.
    with cli.make_context("readpoint", arguments) as context:
        return cli.invoke(context)


def _run(command: Callable[[], Any]) -> int:
    try:
        result = command()
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `readpoint tail | head`.
        _silence()
        return 0
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        return EX_CONFIG
    except (NotRunning, Refused, OSError) as error:
        click.echo(f"Error: {_sentence(error)}", err=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _silence()
        return 1
    return result if isinstance(result, int) else 0


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _silence() -> None:
    """What is still in a buffer goes nowhere, instead of failing once more at the very end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
