"""`readpoint asyncapi`: the MQTT side as an AsyncAPI document, or the JSON schema of one type of message."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of this site: its brokers, topics and names.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
@click.option("--schema", "kind", metavar="TYPE", help="Only the JSON schema of this type of message.")
def asyncapi(path: Path | None, as_json: bool, kind: str | None) -> None:  # noqa: FBT001 - click's signature
    """Print what gateways say and hear over MQTT, as an AsyncAPI 3.0 document.

    \b
    Example:
      readpoint asyncapi > readpoint.asyncapi.yaml
      readpoint asyncapi --config site.yaml --json
      readpoint asyncapi --schema readpoint.epcis.v1 > readpoint.epcis.v1.json
    """
    import json  # noqa: PLC0415 - help needs none of it
    from importlib.metadata import version  # noqa: PLC0415

    from gateway import payloads  # noqa: PLC0415
    from gateway.asyncapi import document  # noqa: PLC0415
    from gateway.cli.options import unknown  # noqa: PLC0415
    from gateway.config.load import load  # noqa: PLC0415 - loads every driver's settings
    from gateway.config.written import yaml  # noqa: PLC0415

    if kind is not None:
        if path is not None:
            raise click.UsageError("--schema is the same at every site: leave --config out.")
        if kind not in payloads.EVENTS:
            raise click.UsageError(unknown("type of message", kind, payloads.EVENTS))
        click.echo(json.dumps(payloads.schema(kind), indent=2))
        return
    made = document(version("readpoint"), None if path is None else load(path, files=False).site)
    click.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else yaml(made), nl=as_json)
