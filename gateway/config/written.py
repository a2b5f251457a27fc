"""Plain values as YAML."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def yaml(value: Any) -> str:
    """The same, as YAML 1.2 in block style: members in their order, nothing folded, no aliases."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 2**16
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel says None, and means a truth
    writer.representer.ignore_aliases = lambda _: True
    out = StringIO()
    writer.dump(value, out)
    return out.getvalue()
