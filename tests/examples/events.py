"""Events as gateways publish them, made from the golden ones."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parents[1] / "cases" / "golden"
START = datetime(2026, 11, 21, 17, 42, tzinfo=UTC).timestamp()
HOME = "readpoint/v1/dc1/rfid/gw-07.rfid"
PLACES = "urn:epc:id:sgln:9521141.12345."
Json = dict[str, Any]


def golden(name: str) -> Json:
    """`topic` and `payload` of a golden message."""
    found: Json = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


def clock(seconds: float) -> str:
    """RFC 3339, so many seconds after the start."""
    return datetime.fromtimestamp(START + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def numbered(event: Json, epoch: int, sequence: int, stream: str = "rfid-3f2a5b6c", segment: str = "rfid") -> Json:
    """The same with a place in a stream, and an id of that place."""
    made = copy.deepcopy(event)
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{stream} {epoch} {sequence}"))
    made |= {"id": f"urn:uuid:{name}", "stream": stream, "epoch": epoch, "sequence": str(sequence)}
    made["source"] = f"urn:readpoint:dc1:gw-07.{segment}"
    return made


def placed(
    transition: str, thing: str, point: str, at: float, epoch: int, sequence: int, stream: str = "rfid-3f2a5b6c"
) -> Json:
    """A zone transition of an object."""
    template = {"arrived": "epcis-arrived", "moved": "epcis-moved", "departed": "epcis-departed-unobserved"}
    made = numbered(golden(template[transition])["payload"], epoch, sequence, stream, stream.partition("-")[0])
    data = made["data"]
    made["subject"], data["epcList"], data["eventID"] = thing, [thing], made["id"]
    made["time"] = data["recordTime"] = data["readpoint:observation"]["decidedAt"] = clock(at)
    data["eventTime"], data["readPoint"] = clock(at), {"id": PLACES + point}
    return made


def corrected(event: Json, epoch: int, sequence: int) -> Json:
    """The event that takes it back."""
    made = numbered(event, epoch, sequence, event["stream"], event["stream"].partition("-")[0])
    made["data"]["errorDeclaration"] = {"declarationTime": event["time"], "reason": "incorrect_data"}
    return made


def topic(event: Json, name: str = "aisle-a") -> str:
    """Where it is published."""
    segment = event["source"].rpartition(".")[2]
    channel = event["type"].split(".")[1]
    place = f"/{name}" if channel in ("epcis", "telemetry", "health", "snapshot") else ""
    return f"readpoint/v1/dc1/{segment}/gw-07.{segment}/{channel}{place}"


def payload(*events: Json) -> bytes:
    """One MQTT payload: an event, or an array of them."""
    return json.dumps(events[0] if len(events) == 1 else events).encode()
