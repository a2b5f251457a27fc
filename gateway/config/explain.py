"""What pydantic found → what a technician needs to know: what is wrong, where, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.document import Key, Node, find
from gateway.config.findings import Findings
from gateway.config.nearest import did_you_mean, listed
from gateway.config.problem import CODES, Code

_EXPECTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "keys with values below it",
    "model_attributes_type": "keys with values below it",
    "dict_type": "keys with values below it",
    "mapping_type": "keys with values below it",
    "list_type": "a list, as in [a, b]",
    "tuple_type": "a list, as in [a, b]",
    "set_type": "a list, as in [a, b]",
    "none_required": "nothing",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_SHOWN = 60


class _Fault(NamedTuple):
    """One error of pydantic's at the part of its place that the file has."""

    details: ErrorDetails
    path: tuple[Key, ...]
    """What of its place stands in the file (for a missing key: the mapping that lacks it)."""
    union: tuple[Key, ...] | None
    """The path of the value of which only one of several forms failed here."""

    @property
    def mismatch(self) -> bool:
        if self.details["loc"][-1:] == ("[key]",):
            return False
        return self.details["type"] in _EXPECTED or self.details["type"] == "literal_error"


def explain(
    error: ValidationError,
    model: type[BaseModel],
    node: Node,
    prefix: Sequence[Key],
    findings: Findings,
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Adds each error of `model` for the value `node`, which stands at `prefix` in the file.

    `elsewhere`: keys that `model` does not have, and where they belong.
    """
    faults = [_fault(details, node) for details in error.errors(include_url=False)]
    for fault in _without_other_forms(faults):
        if isinstance(fault, list):
            _mismatch(fault, node, prefix, findings)
        elif fault.details["type"] == "extra_forbidden":
            _unknown(fault, model, prefix, findings, elsewhere or {})
        else:
            _single(fault, prefix, findings)


def _fault(details: ErrorDetails, node: Node) -> _Fault:
    """A missing key ends its place; a word that the file does not have names a form of a union."""
    loc = details["loc"]
    steps = loc[:-1] if details["type"] in {"missing", "extra_forbidden"} or loc[-1:] == ("[key]",) else loc
    _, _, path = find(node, steps)
    if len(path) == len(steps):
        return _Fault(details, path, None)
    first = next(index for index in range(len(steps)) if path[: index + 1] != steps[: index + 1])
    return _Fault(details, path, path[:first])


def _without_other_forms(faults: list[_Fault]) -> Iterator[_Fault | list[_Fault]]:
    """Of a value that may take several forms: the mistakes inside the form that was meant, else all forms together."""
    for union, group in groupby(faults, key=lambda fault: fault.union):
        members = list(group)
        meant = [
            fault for fault in members if not fault.mismatch or (union is not None and len(fault.path) > len(union))
        ]
        if union is not None and meant:
            members = meant
        yield from (fault for fault in members if not fault.mismatch)
        mismatches = [fault for fault in members if fault.mismatch]
        for _, same in groupby(mismatches, key=lambda fault: fault.path):
            yield list(same)


def _unknown(
    fault: _Fault, model: type[BaseModel], prefix: Sequence[Key], findings: Findings, elsewhere: Mapping[str, str]
) -> None:
    key = fault.details["loc"][-1]
    allowed = keys_at(model, fault.path)
    hint = did_you_mean(key, allowed) or f"; the keys are {listed(allowed, 30)}"
    if not fault.path and key in elsewhere:
        hint = f"; {elsewhere[str(key)]}"
    findings.error("unknown-key", (*prefix, *fault.path, key), f"there is no key '{key}' here{hint}", at_key=True)


def _single(fault: _Fault, prefix: Sequence[Key], findings: Findings) -> None:
    details, kind = fault.details, fault.details["type"]
    loc = (*prefix, *fault.path)
    last = details["loc"][-1] if details["loc"] else ""
    if kind == "missing":
        findings.error("missing", (*loc, last), f"'{last}' is missing: it has no default", at_key=True)
    elif last == "[key]":
        name = details["loc"][-2]
        code, text = _message(details)
        if isinstance(name, int):
            code, text = "bad-name", f"a name is text: write '{name}' in quotes"
        findings.error(code, loc, text, at_key=True)
    else:
        code, text = _message(details)
        findings.error(code, loc, text)


def _message(details: ErrorDetails) -> tuple[Code, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind in CODES:
        return cast("Code", kind), details["msg"]
    if kind in _LIMITS:
        word, key = _LIMITS[kind]
        return "bad-value", f"must be {word} {context[key]}, found {_shown(details['input'])}"
    if kind in {"too_short", "string_too_short"}:
        return "bad-value", "is empty: at least one is needed"
    if kind == "value_error":
        return "bad-value", details["msg"].removeprefix("Value error, ")
    if kind == "finite_number":
        return "bad-value", "must be a number that ends"
    return "bad-value", f"{details['msg'][:1].lower()}{details['msg'][1:]}, found {_shown(details['input'])}"


def _mismatch(faults: list[_Fault], node: Node, prefix: Sequence[Key], findings: Findings) -> None:
    """A value of the wrong kind, or none of the words that may stand there."""
    found, _, _ = find(node, faults[0].path)
    words = [word for fault in faults for word in _words(fault.details)]
    kinds = [kind for fault in faults for kind in _kinds(fault.details)]
    loc = (*prefix, *faults[0].path)
    if words and isinstance(found.value, str):
        others = f", or {' or '.join(kinds)}" if kinds else ""
        text = f"'{_shown(found.value)}' is none of {listed(words, 30)}{others}{did_you_mean(found.value, words)}"
        findings.error("bad-value", loc, text)
        return
    expected = " or ".join(dict.fromkeys([*(f"'{word}'" for word in words), *kinds]))
    findings.error("wrong-type", loc, f"expected {expected}, found {_described(found)}{_advice(found, words, kinds)}")


def _words(details: ErrorDetails) -> list[str]:
    if details["type"] != "literal_error":
        return []
    return re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))


def _kinds(details: ErrorDetails) -> list[str]:
    if details["type"] != "literal_error":
        return [_EXPECTED[details["type"]]]
    return [
        f"the number {word}" for word in re.findall(r"(?<!\S)\d+\b", str(details.get("ctx", {}).get("expected", "")))
    ]


def _described(node: Node) -> str:
    if node.kind == "mapping":
        return "keys with values"
    if node.kind == "sequence":
        return "a list"
    if isinstance(node.value, bool):
        return f"{node.raw} (true or false)"
    if isinstance(node.value, int | float):
        return f"the number {_shown(node.raw)}"
    return "nothing" if node.value is None else f"the text '{_shown(node.value)}'"


def _advice(node: Node, words: list[str], kinds: list[str]) -> str:
    """How to write what was probably meant."""
    if node.kind != "scalar" or node.value is None:
        return ""
    if not isinstance(node.value, str):
        return f': write it in quotes: "{_shown(node.raw)}"' if "text" in kinds or node.raw in words else ""
    if "true or false" in kinds and node.value.lower() in {"yes", "no", "on", "off", "y", "n", "true", "false"}:
        return f": write {'true' if node.value.lower() in {'yes', 'on', 'y', 'true'} else 'false'}, without quotes"
    if node.quoted and any("number" in kind for kind in kinds) and re.fullmatch(r"[-+]?[0-9.]+", node.value):
        return f": write {_shown(node.value)} without quotes"
    if "keys with values below it" in kinds and re.match(r"\w+:\S", node.value):
        return ": put a space after the ':'"
    if "a list, as in [a, b]" in kinds:
        return f": write [{_shown(node.value)}]"
    return ""


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def keys_at(model: type[BaseModel], path: Sequence[Key]) -> list[str]:
    """The keys that may stand in the mapping at `path` of a value of `model`."""
    models: list[type[BaseModel]] = [model]
    for step in path:
        inner: list[type[BaseModel]] = []
        for candidate in models:
            known = fields(candidate)
            inner += _models(known[step]) if isinstance(step, str) and step in known else []
        models = inner or models
    return list(dict.fromkeys(name for candidate in models for name in fields(candidate)))


def fields(model: type[BaseModel]) -> Mapping[str, Any]:
    """Keys of `model` as the file writes them → their types."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every model in a type such as `dict[str, Segment]` or `Tls | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
