"""What a technician may set for an ACME desk reader. Only `host` is needed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from drivers.contract import Antenna, Positive
from drivers.contract import Settings as Strict


class PortSettings(Strict):
    """The desk reader has one antenna and no settings for it."""


class Settings(Strict):
    """An ACME desk reader: tags, a drawer's contact and a thermometer, in lines over TCP."""

    host: Annotated[str, Field(min_length=1)]
    """Its name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 7007
    """Its TCP port."""
    connect_timeout: Positive = 5.0
    """How long connecting may take."""
    silence: Positive = 5.0
    """The reader says ALIVE every second: when nothing came for this long, it is gone."""

    @property
    def plain(self) -> str | None:
        """It knows no TLS: beyond this machine the segment must accept that; `check` shows it at this key."""
        return None if self.host in ("127.0.0.1", "::1", "localhost") else "host"

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str]:  # noqa: ARG002 - its inputs are fixed
        """The one signal it gives: `check` refuses a gate on any other."""
        return ("drawer",)
