"""`readpoint completion`: the lines that make a shell complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    Example:
      readpoint completion bash > /etc/bash_completion.d/readpoint
    """
    from gateway.cli.main import cli  # noqa: PLC0415 - that module imports this one

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "readpoint", "_READPOINT_COMPLETE").source())
