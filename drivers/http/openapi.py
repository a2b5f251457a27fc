"""The interface as OpenAPI 3.1, made from the same types that read the bodies. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from drivers.http import body
from drivers.http.body import BatchBody
from drivers.http.impinj import ImpinjEvent
from drivers.http.zebra import ZebraEvent
from drivers.lines import Line

PATH = "/v1/reads"


class Stored(msgspec.Struct, omit_defaults=True):
    """What became of a post: observations stored, events passed over; what was wrong with its clock, in seconds."""

    stored: int
    ignored: int
    clock: float | None = None


class Problem(msgspec.Struct, omit_defaults=True):
    """Why not (RFC 9457): `line` is the line of the body, or the place in the array, from 1."""

    title: str
    status: int
    detail: str
    line: int | None = None


_REFUSED = {
    "400": "A line is none; nothing of the post is stored",
    "401": "No valid token and no client certificate",
    "403": "The certificate belongs to no source, or the source needs both",
    "408": "The body did not arrive in time",
    "413": "The body is longer than `max_body`",
    "415": "Neither JSON nor JSON lines, or compressed",
    "422": "The batch id was used before for something else",
    "429": "Faster than `rate`: try again after Retry-After",
    "503": "Not stored, or not yet: try again after Retry-After with the same batch id",
}
_EXAMPLE = {"time": 1790000000.125, "epc": "3034257bf7194e4000000001", "rssi": -61.5}


def document(max_body: int) -> dict[str, Any]:
    """The whole document."""
    kinds = (Line, ImpinjEvent, ZebraEvent, BatchBody, Stored, Problem)
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    line, impinj, zebra, batch, stored, problem = schemas
    one = {"anyOf": [line, impinj, zebra]}
    components["BatchBody"]["properties"]["lines"]["items"] = one
    any_form = {"anyOf": [line, impinj, zebra, batch, {"type": "array", "items": one}]}
    content: dict[str, Any] = {kind: {"schema": any_form, "example": _EXAMPLE} for kind in body.JSON}
    text = {"schema": {"type": "string", "description": "One object a line: Line, ImpinjEvent or ZebraEvent."}}
    content |= dict.fromkeys(body.LINES, text)
    return {
        "openapi": "3.1.0",
        "info": {"title": "readpoint: hardware that posts its reads", "version": "1"},
        "paths": {PATH: {"post": _post(content, stored, problem, max_body)}},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _post(content: dict[str, Any], stored: dict[str, Any], problem: dict[str, Any], max_body: int) -> dict[str, Any]:
    return {
        "operationId": "postReads",
        "summary": "Post reads, signals and states",
        "description": f"Answered when all of it is stored. At most {max_body} bytes and {body.MOST} lines.",
        "security": [{"bearer": []}, {"basic": []}, {"certificate": []}],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Id of the batch: posted again, it is stored once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[!-~]+$"},
            }
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Stored", "content": {"application/json": {"schema": stored}}},
            **{status: _refused(text, problem) for status, text in _REFUSED.items()},
        },
    }


def _refused(text: str, problem: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": text, "content": {"application/problem+json": {"schema": problem}}}
    if text.endswith(("Retry-After", "batch id")) and "try again" in text:
        wait = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}
        answer["headers"] = {"Retry-After": wait}
    return answer
