"""`readpoint demo`: the whole path, with its plugs pulled, in a minute."""

from __future__ import annotations

import asyncio

import click
import msgspec

from drivers.contract import parse_duration

NEXT = """\
next:
  your own reader    readpoint demo --host 192.0.2.21, then docs/drivers/llrp.md and docs/configuration.md
  your own consumer  any MQTT client on readpoint/v1/#: docs/architecture.md shows the payload
  tune a zone        readpoint record dock.jsonl, then readpoint replay --config site.yaml dock.jsonl"""


class DurationType(click.ParamType[float]):
    """`20s`, `2m`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        assert isinstance(seconds, float)
        return seconds


@click.command()
@click.option("--for", "seconds", type=DurationType(), default="45s", show_default=True, help="How long it runs.")
@click.option("--json", "as_json", is_flag=True, help="Unattended; the last line of stdout is the result as JSON.")
@click.option("--host", metavar="ADDRESS", help="Read the LLRP reader at this address instead of simulators.")
def demo(seconds: float, host: str | None, *, as_json: bool) -> int:
    """Show reads becoming events at a central service, through a cut uplink and a killed gateway.

    Needs no root and no configuration: broker, certificates, readers and subscriber are made on free ports of this
    machine. Exit code 1 if anything was lost.

    \b
    Examples:
      readpoint demo
      readpoint demo --for 20s --json
    """
    try:
        from gateway.demo.screen import Screen  # noqa: PLC0415 - of an extra
        from gateway.demo.show import show  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise click.ClickException(f"the demo needs {error.name}: pip install 'readpoint[demo]'") from None
    result = asyncio.run(show(seconds, Screen(quiet=as_json), host))
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        click.echo(result.line())
        click.echo(NEXT)
    return int(result.lost > 0 or result.sent == 0)
