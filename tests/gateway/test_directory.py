"""Names and their map together: in a replay as in a run, and what a change of the map means for what is listed."""

from __future__ import annotations

import json
from pathlib import Path

from drivers.contract import Read
from gateway.config.load import load
from gateway.identity.directory import Directory
from gateway.identity.mapping import IdentityMap
from gateway.replay import replay

TAG = "e2806894000050061c5a1234"
RAW = f"urn:epc:raw:96.x{TAG.upper()}"
PALLET = "urn:epc:id:giai:9521141.pallet7"
SITE = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1"}, plain_devices: [llrp], identities: identities.csv, accept: [giai, gtin]}
read_points:
  belt: {uri: "urn:epc:id:sgln:9521141.12345.belt", kind: checkpoint, ignore: ["urn:epc:id:giai:9521141.truck*"]}
devices:
  reader: {driver: llrp, segment: rfid, host: 10.0.0.1, read_point: belt}
"""
RECORDING = [
    json.dumps({"time": 1790000000, "device": "reader", "epc": TAG}),
    json.dumps({"time": 1790000001, "device": "reader", "epc": "e2" + "00" * 11}),
    json.dumps({"time": 1790000002, "device": "reader", "code": "TRUCK 12"}),
    json.dumps({"time": 1790000003, "device": "reader", "code": "BOX OF SIX"}),
]


def test_a_replay_tells_what_the_map_names_and_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "identities.csv").write_text(
        f"identifier,id\n{TAG},{PALLET}\nTRUCK 12,urn:epc:id:giai:9521141.truck12\n"
        "BOX OF SIX,https://id.gs1.org/01/80614141123458\n"
    )
    site = load(tmp_path / "site.yaml", files=False).site
    first, second = (json.loads(line) for line in replay(site, RECORDING))
    assert first["subject"] == PALLET
    assert first["data"]["epcList"] == [PALLET]
    seen = first["data"]["readpoint:observation"]
    assert (seen["raw"], seen["digitalLink"]) == (RAW, "https://id.gs1.org/8004/9521141pallet7")
    # A class, with what the scan held.
    [quantity] = second["data"]["quantityList"]
    assert (quantity["epcClass"], quantity["quantity"]) == ("https://id.gs1.org/01/80614141123458", 1)
    seen = second["data"]["readpoint:observation"]
    assert seen["raw"] == "urn:readpoint:code:BOX%20OF%20SIX"
    assert seen["scan"]["raw"] == "Qk9YIE9GIFNJWA=="


def test_another_map_is_another_answer_and_the_same_is_none() -> None:
    directory = Directory()
    read = Read("epc", bytes.fromhex(TAG), 5.0)
    unknown = directory.resolve(read)
    directory.orphans.meet(unknown, 5.0, "reader", 1, "belt")
    assert (unknown.uri, directory.rows, len(directory.orphans)) == (RAW, 0, 1)
    made = IdentityMap()
    made.add(2, TAG, PALLET)
    made.seal()
    assert directory.replace(made)
    assert (directory.resolve(read).uri, directory.rows, len(directory.orphans)) == (PALLET, 1, 0)
    assert not directory.replace(made)
    assert directory.replace(None)
    assert directory.resolve(read).uri == RAW
    assert not directory.replace(None)
