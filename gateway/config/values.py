"""Small values of a site file: text in, checked text out. Every refusal says what to write instead."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from drivers.contract import Duration
from drivers.uris import is_uri, remedy
from gateway.config.nearest import did_you_mean, listed
from gateway.config.problem import Code
from gateway.config.words import BIZ_STEPS, DISPOSITIONS, SCHEMES

NAME = r"^[a-z0-9-]{1,24}$"
"""Names of gateways, sites, segments, read points and devices: they become levels of topics."""
_SGLN = "urn:epc:id:sgln:"
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})")
_INTERFACE = re.compile(r"[^\s/:]{1,15}")


def refusal(code: Code, text: str) -> PydanticCustomError:
    """An error with a code of its own."""
    return PydanticCustomError(code, "{text}", {"text": text})


class Url(NamedTuple):
    """A broker's address."""

    host: str
    port: int
    secure: bool


def parse_url(text: str) -> Url:
    """`mqtts://HOST[:PORT]`, `mqtt://HOST[:PORT]` → address (8883, 1883). PydanticCustomError if it is neither."""
    example = "write mqtts://HOST:8883"
    try:
        parts = urlsplit(text)
        host, port, user = parts.hostname, parts.port, parts.username or parts.password
    except ValueError as error:
        raise refusal("bad-url", f"'{text}' is no address ({error}): {example}") from error
    if parts.scheme not in {"mqtts", "mqtt"}:
        guess = did_you_mean(parts.scheme, ("mqtts", "mqtt"))
        raise refusal("bad-url", f"'{text}' is no broker's address: {example}{guess}")
    if user:
        text = "no user or password in the address: a segment proves who it is with its certificate (tls.cert, tls.key)"
        raise refusal("secret-inline", text)
    if not host or port == 0 or re.search(r"\s", text):
        raise refusal("bad-url", f"'{text}' has no host or no usable port: {example}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise refusal("bad-url", f"nothing comes after the port: {example}")
    secure = parts.scheme == "mqtts"
    return Url(host, port or (8883 if secure else 1883), secure)


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise refusal("bad-name", f"'{text}' is no name: 1 to 24 of a-z, 0-9 and '-', for it becomes part of a topic")
    return text


def _url(text: str) -> str:
    parse_url(text)
    return text


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no IP address: write this machine's own, as in 10.20.0.7") from error
    return text


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:9464`, `[::1]:9464` → address and port. ValueError says what to write."""
    found = _LISTEN.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 2**16:
        raise ValueError(f"'{text}' is no address to listen on: write one with a port, as in 127.0.0.1:9464")
    return _address(found[1] or found[2]), int(found[3])


def _listen(text: str) -> str:
    parse_listen(text)
    return text


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise ValueError(f"'{text}' is no network interface: write its name as 'ip link' shows it, as in eth1")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        guess = did_you_mean(text, available_timezones()) or "; write an IANA name, as in Europe/Madrid"
        raise refusal("unknown-timezone", f"there is no time zone '{text}'{guess}") from error
    return text


def _uri(text: str) -> str:
    """A URI (RFC 3986); a GS1 SGLN's company prefix and location reference have 12 digits together (TDS 2.3, 6.3.3)."""
    if not is_uri(text):
        example = "write a GS1 SGLN, as in urn:epc:id:sgln:9521141.12345.dock1, or another URI"
        raise ValueError(f"'{text}' is no URI: {remedy(text) or example}")
    if text.lower().startswith(_SGLN):
        fields = re.fullmatch(r"(\d{6,12})\.(\d{0,6})\.[^.]+", text[len(_SGLN) :])
        if not fields or len(fields[1]) + len(fields[2]) != 12:
            hint = "COMPANY.LOCATION.EXTENSION, the first two with 12 digits together; extension 0 where there is none"
            raise refusal("bad-sgln", f"'{text}' is no SGLN: write {_SGLN}{hint}")
    return text


def _word(text: str, words: Collection[str], what: str) -> str:
    if text in words or is_uri(text):
        return text
    better = remedy(text)
    guess = f": {better}" if better else did_you_mean(text, words) or f"; the words are {listed(sorted(words), 50)}"
    raise refusal("unknown-word", f"'{text}' is no {what} of GS1's CBV 2.0, and no URI{guess}")


def _biz_step(text: str) -> str:
    return _word(text, BIZ_STEPS, "business step")


def _disposition(text: str) -> str:
    return _word(text, DISPOSITIONS, "disposition")


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path has no NUL character: remove it")
    return text


def _whole_one(value: object) -> object:
    """Python takes `true` and `1.0` for 1."""
    return None if isinstance(value, bool | float) else value


def _pattern(text: str) -> str:
    if text in SCHEMES or ":" in text or "*" in text:
        return text
    guess = did_you_mean(text, SCHEMES) or f"; the schemes are {listed(sorted(SCHEMES), 50)}"
    raise refusal(
        "unknown-scheme", f"'{text}' is no GS1 scheme and no pattern such as urn:epc:id:giai:9521141.*{guess}"
    )


def _presence(value: object) -> object:
    return None if value == "auto" else value


def either_way(value: object) -> object:
    """A plain string stands for both directions."""
    return {"in": value, "out": value} if isinstance(value, str) else value


_DURATION_SCHEMA = {"type": "string", "pattern": r"^(auto|\d+(\.\d+)?(ms|s|m|h|d))$"}


_URI_HINT = r"^[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+$"


def _hint(schema: dict[str, Any]) -> Any:
    """What editors may check by themselves."""
    return Field(json_schema_extra=schema)


Name = Annotated[str, AfterValidator(_name), _hint({"pattern": NAME})]
BrokerUrl = Annotated[str, AfterValidator(_url), _hint({"pattern": r"^mqtts?://[^\s/@]+/?$"})]
Address = Annotated[str, AfterValidator(_address)]
Listen = Annotated[str, AfterValidator(_listen)]
Interface = Annotated[str, AfterValidator(_interface)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Uri = Annotated[str, AfterValidator(_uri), _hint({"pattern": _URI_HINT})]
BizStep = Annotated[str, AfterValidator(_biz_step), _hint({"anyOf": [{"enum": sorted(BIZ_STEPS)}, {"pattern": ":"}]})]
Disposition = Annotated[
    str, AfterValidator(_disposition), _hint({"anyOf": [{"enum": sorted(DISPOSITIONS)}, {"pattern": ":"}]})
]
Pattern = Annotated[str, AfterValidator(_pattern), _hint({"anyOf": [{"enum": sorted(SCHEMES)}, {"pattern": "[:*]"}]})]
PathText = Annotated[str, AfterValidator(_path)]
One = Annotated[Literal[1], BeforeValidator(_whole_one)]
Presence = Annotated[Duration | None, BeforeValidator(_presence), WithJsonSchema(_DURATION_SCHEMA)]
"""Seconds, or None for `auto`."""
