"""Our events as EPCIS repositories like them: one ObjectEvent a passage, many events a document. No I/O, no clock."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def passage(event: Json) -> Json | None:
    """The passage that an event is part of; a correction stands alone."""
    found = event["data"]["readpoint:observation"].get("passage")
    return None if "errorDeclaration" in event["data"] else found


def crossing(event: Json) -> tuple[str, str] | None:
    """What those who passed together have in common: two gateways know nothing of each other's names."""
    found = passage(event)
    return None if found is None else (event["source"], found["id"])


def next_group(waiting: Sequence[Json]) -> tuple[list[Json], bool]:
    """The first event with all of its passage, and whether that is all there will be of it."""
    if crossing(waiting[0]) is None:
        return [waiting[0]], True
    group = [event for event in waiting if crossing(event) == crossing(waiting[0])]
    return group, whole(group)


def whole(group: Sequence[Json]) -> bool:
    """Whether all of a passage are there but those who are told `late`: they are in addition to its `count`."""
    told = [one for event in group if (one := passage(event)) is not None and not one.get("late")]
    count = max((one["count"] for one in told), default=0)
    return len({one["index"] for one in told if one["index"] <= count}) >= count


def merge(group: Sequence[Json], name: str) -> Json:
    """One ObjectEvent, `name`, of all objects that passed together: it happened when the last of them passed."""
    if len(group) == 1:
        return copy.deepcopy(group[0]["data"])
    last = max(group, key=lambda event: event["data"]["eventTime"])["data"]
    merged = {key: copy.deepcopy(value) for key, value in last.items() if key not in ("epcList", "quantityList")}
    merged |= {"eventID": name, "recordTime": max(event["data"]["recordTime"] for event in group)}
    for kind in ("epcList", "quantityList"):
        things = [thing for event in group for thing in event["data"].get(kind, ())]
        if things:
            merged[kind] = things
    seen = merged["readpoint:observation"]
    merged["readpoint:observation"] = {
        "transition": seen["transition"],
        **({"direction": seen["direction"]} if "direction" in seen else {}),
        "passage": {
            "id": seen["passage"]["id"],
            "count": seen["passage"]["count"],
            "members": [e["id"] for e in group],
        },
    }
    return merged


def take_back(merged: Json, correction: Json, name: str) -> tuple[Json, Json | None]:
    """(the merged event declared wrong, the event `name` of those that are left, if any)."""
    declaration = copy.deepcopy(correction["data"]["errorDeclaration"])
    declared = copy.deepcopy(merged) | {"errorDeclaration": declaration}
    left = copy.deepcopy(merged) | {"eventID": name}
    for kind in ("epcList", "quantityList"):
        gone = correction["data"].get(kind, [])
        left[kind] = [thing for thing in merged.get(kind, ()) if thing not in gone]
        if not left[kind]:
            del left[kind]
    if "epcList" not in left and "quantityList" not in left:
        return declared, None
    declaration["correctiveEventIDs"] = [name]
    return declared, left


def document(events: Sequence[Json], created: str) -> Json:
    """An EPCISDocument of these. Their contexts, which are all alike, stand once."""
    contexts: list[Any] = []
    for event in events:
        contexts += [one for one in event.get("@context", ()) if one not in contexts]
    bare = [{key: value for key, value in event.items() if key != "@context"} for event in events]
    head = {"type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": created}
    return {"@context": contexts, **head, "epcisBody": {"eventList": bare}}
