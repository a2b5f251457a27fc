"""URIs as a technician writes them: RFC 3986, for who gets an event may check that, and refuse it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

_PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:{_PLAIN}|:)*@)?(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?:{_PLAIN})*)(?::[0-9]*)?(?:/(?:{_PLAIN}|[:@/])*)?"
    rf"|(?!//)(?:{_PLAIN}|[:@/])*)"
    rf"(?:\?(?:{_PLAIN}|[:@/?])*)?(?:#(?:{_PLAIN}|[:@/?])*)?"
)
"""RFC 3986, appendix A; an address of a later IP version is not known."""

_KEPT = "-._~:/?#[]@!$&'()*+,;=%"
"""What a URI may have beside letters and digits, wherever it stands."""


def is_uri(text: str) -> bool:
    """Whether that is a URI with something behind its scheme."""
    found = _URI.fullmatch(text)
    if found is None or text.endswith(":"):
        return False
    try:
        return found["address"] is None or bool(ipaddress.IPv6Address(found["address"]))
    except ValueError:
        return False


def remedy(text: str) -> str:
    """What to write instead of a text that is no URI for the signs in it alone; nothing where it is not known."""
    base, hash_, fragment = re.sub("%(?![0-9A-Fa-f]{2})", "%25", text).partition("#")
    better = quote(base + hash_ + fragment.replace("#", "%23"), safe=_KEPT, errors="replace")
    return f"percent-encode what a URI may not have: {better}" if is_uri(better) else ""


def object_uri(text: str) -> str:
    """The text itself. ValueError where it is no URI that names an object."""
    if not is_uri(text) or not re.match("urn:|https?://", text):
        better = remedy(text) if re.match("urn:|https?://", text) else ""
        raise ValueError(f"'{text}' names no object: {better or 'write a URI, as in urn:epc:id:giai:9521141.crane1'}")
    return text
