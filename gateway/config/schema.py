"""The JSON schema of a site file for editors: every key with its help, default and, per driver, the driver's own keys.

Draft-07, for that is what yaml-language-server reads best. It says what one key may be; `readpoint check` also says
what does not fit together.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from drivers import registry
from gateway.config.models import DeviceKeys, PortKeys, Site
from gateway.config.values import NAME
from gateway.config.variants import variant

Json = dict[str, Any]


def schema(others: Collection[str] = ()) -> Json:
    """The whole schema, with our drivers and those `others` of other distributions, which are imported.

    KeyError for one that is not installed; ImportError, AttributeError, TypeError for a broken one.
    """
    definitions: Json = {}
    site = _definition(Site, "", definitions)
    names = sorted({*registry.names(), *others})
    for name in names:
        _driver(name, definitions)
    definitions["device"] = {
        "type": "object",
        "description": (DeviceKeys.__doc__ or "").strip(),
        "required": ["driver", "segment"],
        "properties": {"driver": {"enum": names, "description": "Which driver talks to it."}},
        "allOf": [_when(name) for name in names],
    }
    for key in ("segments", "read_points", "devices"):
        site["properties"][key]["additionalProperties"] = False  # a name that is none
    site["properties"]["devices"]["patternProperties"] = {NAME: {"$ref": "#/definitions/device"}}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "readpoint site, version 1"}
    return {**head, **site, "definitions": dict(sorted(definitions.items()))}


def _when(driver: str) -> Json:
    return {
        "if": {"properties": {"driver": {"const": driver}}, "required": ["driver"]},
        "then": {"$ref": f"#/definitions/{driver}.device"},
    }


def _driver(name: str, definitions: Json) -> None:
    kind = variant(name)
    device = _definition(kind.device, f"{name}.", definitions)
    port = _definition(kind.port, f"{name}.", definitions)
    device["properties"]["driver"] = {"const": name, "description": "Which driver talks to it."}
    device["properties"]["antennas"] = {
        "type": "object",
        "description": device["properties"]["antennas"]["description"],
        "propertyNames": {"pattern": r"^[1-9]\d*$"} if kind.entry.numbered else {"type": "string"},
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "description": PortKeys.model_fields["read_point"].description},
                {"$ref": f"#/definitions/{name}.antenna"},
            ]
        },
    }
    definitions[f"{name}.device"] = device
    definitions[f"{name}.antenna"] = port


def _definition(model: type[BaseModel], prefix: str, definitions: Json) -> Json:
    """The schema of `model`; the models inside it go to `definitions`, their names behind `prefix`."""
    found = model.model_json_schema(ref_template=f"#/definitions/{prefix}{{model}}")
    for name, inner in found.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = _tidy(inner)
    tidy: Json = _tidy(found)
    return tidy


def _tidy(value: Any) -> Any:
    """Without titles, which only repeat the keys, without null for what may be left out, with defaults as written."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))}
    forms = [form for form in tidy.get("anyOf", ()) if form != {"type": "null"}]
    if len(forms) == 1:
        tidy = {**forms[0], **{key: item for key, item in tidy.items() if key != "anyOf"}}
    elif forms:
        tidy["anyOf"] = forms
    return _written(tidy) if "default" in tidy else tidy


def _written(schema: Json) -> Json:
    """Seconds and bytes as durations and sizes; no default where it is an empty mapping or nothing."""
    found = deepcopy(schema)
    default, kind = found["default"], str(found.get("pattern", ""))
    if default is None and "auto" in kind:
        found["default"] = "auto"
    elif default is None or isinstance(default, dict):
        del found["default"]
    elif kind.startswith(r"^\d+") and isinstance(default, int | float):
        found["default"] = size(int(default)) if "KiB" in kind else duration(default)
    return found


def duration(seconds: float) -> str:
    """`20ms`, `5s`, `72h`: the way a file would say it."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0s"
    units = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    length, unit = next((length, unit) for length, unit in units if seconds % length == 0 or length == 1)
    return f"{seconds / length:g}{unit}"


def size(count: int) -> str:
    """`2GiB`, `64MiB`: the way a file would say it."""
    units = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
    length, unit = next((length, unit) for length, unit in units if count % length == 0)
    return f"{count // length}{unit}"
