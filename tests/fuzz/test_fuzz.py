"""Any bytes, to every decoder of bytes: nothing escapes. With atheris, guided by what code they reach, in soak."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("READPOINT_FUZZ_SECONDS", "600"))
"""Of each target in soak."""


def mutated(seed: bytes) -> st.SearchStrategy[bytes]:
    """The seed with some stretches replaced, and cut: most of it is what the decoder knows."""
    changes = st.lists(
        st.tuples(st.integers(0, max(0, len(seed))), st.integers(0, 4), st.binary(max_size=4)), max_size=4
    )

    def change(some: list[tuple[int, int, bytes]]) -> bytes:
        data = seed
        for at, gone, new in some:
            data = data[:at] + new + data[at + gone :]
        return data

    return changes.map(change)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_bytes_are_survived(target: Target) -> None:
    @settings(max_examples=150)
    @given(st.one_of(st.binary(max_size=300), *map(mutated, target.seeds)))
    def survive(data: bytes) -> None:
        target.run(data)

    survive()


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_bytes_are_survived_for_long(target: Target, tmp_path: Path) -> None:
    """libFuzzer looks for inputs that reach other code; a crash, a hang of 10 s or 2 GB of memory end it."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this Python: see the group `fuzz` in pyproject.toml")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz", target.name, str(corpus), f"-max_total_time={SECONDS}"]
    command += [
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        f"-artifact_prefix={tmp_path}/",
        "-print_final_stats=1",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    tried = [line for line in said.splitlines() if "number_of_executed_units" in line]
    inputs = tried[-1].split()[-1] if tried else "no"
    print(f"{target.name}: {SECONDS} s, {inputs} inputs, {len(list(corpus.iterdir()))} kept")
    assert done.returncode == 0, said[-4000:]


REASONS = {
    "drivers.barcode.link": "sends; what comes goes to framing",
    "drivers.barcode.session": "hands what comes to framing: drivers/test_barcode_driver.py",
    "drivers.ble.condition": "tells of bytes in hexadecimal",
    "drivers.http.app": "tells of bytes in hexadecimal",
    "drivers.http.complaints": "tells of bytes in hexadecimal",
    "drivers.http.deliveries": "digests of bodies; nothing is decoded",
    "drivers.http.server": "uvicorn's protocol: tried whole by drivers/test_http_driver.py and schemathesis",
    "drivers.llrp.link": "moves frames that framing has cut",
    "drivers.llrp.session": "whole conversations with a hostile reader: drivers/test_llrp_hostile.py",
    "drivers.modbus.condition": "tells of bytes in hexadecimal",
    "drivers.modbus.session": "counts noise that framing has found",
    "drivers.modbus.wire": "moves bytes to framing",
    "drivers.modbus.words": "tells of bytes in hexadecimal",
    "drivers.nmea.session": "hands what comes to framing: drivers/test_nmea_session.py",
    "gateway.corrections": "events of our own, each with its checksum",
    "gateway.control.feed": "lines of our own, on their way to who looks",
    "gateway.ids": "a UUID of our own",
    "gateway.outbox.ledger": "a checksum",
    "gateway.outbox.told": "looks into events of our own, each with its checksum",
    "gateway.replay": "lines, decoded by drivers.lines",
    "gateway.cli.recorder": "writes lines",
    "gateway.explain.material": "lines, decoded by drivers.lines",
    "gateway.explain.recording": "lines, decoded by drivers.lines",
    "gateway.tuning.events": "messages of our own replay",
    "gateway.tuning.study": "a name for an EPC, decoded by gateway.identity.epc",
    "gateway.tuning.trial": "lines, decoded by drivers.lines",
    "gateway.uplink.connection": "publishes; paho reads what the broker says, requests what the centre says",
    "gateway.uplink.link": "publishes; what comes goes to requests",
    "gateway.demo": "of the demo alone, with its own broker",
    "gateway.cli": "answers of a gateway of this machine, or events of our own",
}
"""Modules with functions of bytes that decode nothing from outside, or are tried elsewhere. A package: all in it."""


def takes_bytes(path: Path) -> bool:
    """Whether a public function of the module takes bytes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                names = ast.walk(argument.annotation) if argument.annotation is not None else ()
                if any(isinstance(name, ast.Name) and name.id in ("bytes", "bytearray") for name in names):
                    return True
    return False


def decoders() -> Iterator[str]:
    for folder in ("drivers", "gateway"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if takes_bytes(path):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_decoder_is_in_the_table() -> None:
    """One that is new has a target, or a reason here; one that is gone has neither."""
    tried = {module for target in TARGETS for module in target.modules}
    found = set(decoders())
    left = {name for name in found - tried if not any(name == one or name.startswith(f"{one}.") for one in REASONS)}
    assert left == set()
    assert {name for name in tried if importlib.util.find_spec(name) is None} == set()
    assert {name for name in REASONS if importlib.util.find_spec(name) is None} == set()
