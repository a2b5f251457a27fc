"""`readpoint schema`: the JSON schema of site files, for editors."""

from __future__ import annotations

import click

from gateway.cli.options import unknown


@click.command()
@click.option("--driver", "others", multiple=True, help="Also this driver of another distribution, which is imported.")
def schema(others: tuple[str, ...]) -> None:
    """Print the JSON schema of site files, with every default.

    \b
    Example:
      readpoint schema > readpoint.schema.json
      # then, as the first line of your site file:
      # yaml-language-server: $schema=readpoint.schema.json
    """
    import json  # noqa: PLC0415 - help needs none of it

    from drivers import registry  # noqa: PLC0415
    from gateway.config.schema import schema as build  # noqa: PLC0415 - loads every driver's settings
    from gateway.config.variants import trouble  # noqa: PLC0415

    for name in others:
        if name not in registry.installed():
            raise click.UsageError(unknown("installed driver", name, registry.installed()))
        if trouble(name):
            raise click.UsageError(f"driver {name} cannot be loaded: {trouble(name)}")
    click.echo(json.dumps(build(others), indent=2, ensure_ascii=False))
