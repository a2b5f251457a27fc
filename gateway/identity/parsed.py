"""What an EPC says, before it is an identity. Pure."""

from __future__ import annotations

import msgspec

HOST = "https://id.gs1.org"
"""Where canonical Digital Links live (GS1 Digital Link URI syntax section 4.12)."""


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """The parts of a decoded EPC.

    `name` is the coding scheme (`sgtin-96`, `dsgtin++`), `scheme` the GS1 scheme (`sgtin`). `link` is the canonical
    Digital Link of the key and nothing else; `date` (`17=220630`) and `hostname` stand beside it, for they do not name
    the object: the same one may carry them or not.
    """

    name: str
    scheme: str
    filter: int | None
    urn: str | None = None
    link: str | None = None
    date: str | None = None
    hostname: str | None = None
