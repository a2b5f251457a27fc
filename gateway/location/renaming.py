"""Which identifiers had which names before the identity map was another. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.location.outcome import Key
from gateway.location.zone import Tag


class Renaming:
    """Names of before, each until its identifier is read again."""

    def __init__(self) -> None:
        self._before: dict[Key, str] = {}

    def begin(self, tags: dict[Key, Tag], objects: Mapping[str, Tag]) -> None:
        """From now on no identifier has a name for sure. Takes all out of `tags`."""
        self._before = {key: uri for key, uri in self._before.items() if uri in objects}
        for key, tag in tags.items():
            self._before[key] = tag.identity.uri
            tag.key = None
        tags.clear()

    def left(self, key: Key, uri: str, objects: Mapping[str, Tag]) -> Tag | None:
        """The tag that `key`, which is `uri` now, leaves behind; None where another identifier still has its name."""
        if not self._before:
            return None
        before = self._before.pop(key, uri)
        tag = objects.get(before)
        return tag if tag is not None and before != uri and tag.key is None else None
