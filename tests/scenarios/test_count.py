"""A count by hand against what is present: of the running gateway, and of the one that has ended."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path

import pytest

from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.radio import Radio
from simulators.warehouse import Warehouse, aisles
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_command_line import asked
from tests.scenarios.test_main_path import transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

CLEAR = Radio(gain_error=0.0, shadowing=0.5, fading=1.0)

SITE = """\
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone}}
  belt-1: {{uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint}}
devices:
  reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {port}
    antennas: {{1: aisle-a, 2: aisle-b, 3: belt-1}}
"""

RAW = bytes.fromhex("e2806894000050061c5a1234")
PALLET = "urn:epc:id:giai:9521141.pallet7"


def tag(serial: int) -> bytes:
    """SGTIN-96 of GTIN 80614141123458, as TDS has it, with this serial number."""
    return bytes.fromhex("3074257bf7194e4000") + serial.to_bytes(3)


def urn(serial: int) -> str:
    return f"urn:epc:id:sgtin:0614141.812345.{serial}"


async def counted(box: GatewayProcess, file: Path, *options: str) -> dict[str, object]:
    code, said, _ = await asked(box, "count", "aisle-a", "--csv", str(file), "--json", *options)
    assert code == 0
    found: dict[str, object] = json.loads(said)
    return found


async def test_a_count_names_what_is_missing_extra_and_misplaced(gateway: Start, broker: Mosquitto) -> None:
    warehouse = Warehouse(*aisles(("aisle-a", "aisle-b", "belt"), "reader", spacing=20.0), radio=CLEAR, seed=1)
    for epc, place in [(tag(1), 0.0), (tag(2), 0.0), (RAW, 0.0), (tag(3), 20.0)]:
        warehouse.place(epc, (place, 1.0), time.time())
    async with LlrpReader(ReaderOptions(name="reader", antennas=3), warehouse) as reader:
        box = gateway(broker, SITE.format(port=reader.port))
        names = box.folder / "identities.csv"
        names.write_text(f"identifier,id\n{RAW.hex()},{PALLET}\n")
        box.site.write_text(box.site.read_text().replace("[llrp]", "[llrp]\n    identities: identities.csv"))
        placed = {("aislea", urn(1)), ("aislea", urn(2)), ("aislea", PALLET), ("aisleb", urn(3))}
        with subscriber(broker) as heard:
            await box.start()
            await heard.until(lambda: {one[1:] for one in transitions(heard) if one[0] == "arrived"} == placed, BOUND)

        file, differences = box.folder / "scanned.csv", box.folder / "differences.csv"
        file.write_text(
            f'sep=;\nwho;epc\nme;="{tag(1).hex()}"\nme;(01)80614141123458(21)3\nme;{urn(9)}\nme;{RAW.hex().upper()}\n'
        )
        found = await counted(box, file, "--csv-out", str(differences))
        assert (found["counted"], found["present"], found["matched"], found["accuracy"]) == (4, 3, 2, 0.4)
        assert found["missing"] == [
            {"difference": "missing", "id": urn(2), "readPoint": "aisle-a", "segment": "rfid"},
        ]
        assert [(one["identifier"], one["line"]) for one in found["extra"]] == [(urn(9), 5)]  # type: ignore[index,attr-defined]
        assert [(one["id"], one["readPoint"], one["line"]) for one in found["misplaced"]] == [  # type: ignore[index,attr-defined]
            (urn(3), "aisle-b", 4)
        ]
        with differences.open(newline="") as rows:
            assert [(row["difference"], row["id"], row["read_point"]) for row in csv.DictReader(rows)] == [
                ("missing", urn(2), "aisle-a"),
                ("extra", "https://id.gs1.org/01/80614141123458/21/9", ""),
                ("misplaced", urn(3), "aisle-b"),
            ]
        code, table, _ = await asked(box, "count", "aisle-a", "--csv", str(file))
        assert code == 0
        assert "accuracy 40.0%" in table
        assert urn(3) in table

        code, _, said = await asked(box, "count", "belt-1", "--csv", str(file))
        assert code == 2
        assert "'belt-1' is a checkpoint" in said
        assert "the zones are aisle-a, aisle-b" in said
        code, _, said = await asked(box, "count", "aisle-c", "--csv", str(file))
        assert code == 2
        assert "did you mean 'aisle-" in said

        assert await box.end(signal.SIGTERM) == 0
        assert await counted(box, file) == found
        code, _, said = await asked(box, "count", "aisle-a", "--csv", str(file))
        assert code == 0
        assert "no gateway runs: counted against what was present when it ended, last seen 20" in said
