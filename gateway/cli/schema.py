"""`readpoint schema`: the JSON schema of site files, for editors."""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """Print the JSON schema of site files, with every default.

    \b
    Example:
      readpoint schema > readpoint.schema.json
      # then, as the first line of your site file:
      # yaml-language-server: $schema=readpoint.schema.json
    """
    import json  # noqa: PLC0415 - help needs none of it

    from gateway.config.schema import schema as build  # noqa: PLC0415 - loads every driver's settings

    click.echo(json.dumps(build(), indent=2, ensure_ascii=False))
