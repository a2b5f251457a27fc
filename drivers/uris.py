"""Ids of objects as a technician writes them into settings."""

from __future__ import annotations

import re


def object_uri(text: str) -> str:
    """The text itself. ValueError where it is no URI that names an object."""
    if not re.fullmatch(r"(?:urn:|https?://)[\x21-\x7e]+", text):
        raise ValueError(f"'{text}' names no object: write a URI, as in urn:epc:id:giai:9521141.crane1")
    return text
