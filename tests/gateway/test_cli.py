"""The command line as a person and a script meet it: exit codes, streams, sentences; no traceback, ever."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gateway.cli.main import COMMANDS, LazyGroup, cli
from gateway.config.site import Outbox
from gateway.model import Draft, Work
from gateway.outbox.store import open_outbox

ROOT = Path(__file__).resolve().parents[2]
READPOINT = [sys.executable, "-m", "gateway"]

SITE = """\
version: 1
gateway: {id: gw-07, site: dc1, state_dir: state, run_dir: run}
segments:
  rfid:
    uplink: {url: "mqtts://broker.dc1.example:8883", tls: {ca: ca.pem, cert: c.pem, key: c.key}}
    plain_devices: [llrp]
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: checkpoint}
devices:
  reader: {driver: llrp, segment: rfid, host: 10.10.0.21, read_point: aisle-a}
"""

READ = '{"time": 1790000000.125, "device": "reader", "epc": "3074257bf7194e4000001a85", "rssi": -61.5}\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file on a technician's laptop: none of its certificates is here."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def readpoint(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run it to its end; whatever happens, there is no traceback."""
    done = subprocess.run(
        [*READPOINT, *map(str, arguments)], input=given, capture_output=True, timeout=60, check=False, cwd=ROOT
    )
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, ""),
        (["chek", "site.yaml"], 2, "Did you mean 'check'?"),
        (["tail", "--jsn"], 2, "--json"),
        (["tail", "--channel", "epics"], 2, "'epcis'"),
        (["orphans", "--json", "--csv"], 2, "either --json or --csv"),
        (["orphans", "--run-dir", "no-such-folder"], 1, "no gateway runs here"),
        (["outbox", "show"], 2, "--id or with --sequence"),
        (["outbox", "show", "--id", "12"], 2, "is no id"),
        (["outbox", "show", "--sequence", str(2**63)], 2, "is not in the range"),
        (["outbox", "show", "--sequence", "1", "--epoch", str(2**63)], 2, "is not in the range"),
        (["outbox", "list", "--after", str(2**63)], 2, "is not in the range"),
        (["record"], 2, "Missing argument 'FILE'"),
        (["record", "x.jsonl", "--for", "60"], 2, "write a number with ms, s, m, h or d"),
        (["record", "x.jsonl", "--run-dir", "no-such-folder"], 1, "or record straight from the devices: --direct"),
        (["simulate", "llrp", "--port", "70000"], 2, "is not in the range"),
        (["simulate", "llrp", "--zones", "a,,b"], 2, "write up to 32 different names"),
        (["simulate", "llrp", "--zones", "a,b,c", "--antennas", "2"], 2, "leave --antennas out, or name 2"),
        (["simulate", "llrp", "--truth", "no-such-folder/truth.jsonl"], 2, "cannot be written: No such file"),
        (["simulate", "llrp", "--truth", "/dev/full/truth.jsonl"], 2, "cannot be written: Not a directory"),
        (["check", "no-such.yaml"], 78, "refused: 1 error"),
        (["run", "no-such.yaml"], 78, "no-such.yaml:1:1: file-missing"),
        (["status", "--run-dir", "no-such-folder"], 1, "start one with `readpoint run FILE`"),
        (["tail", "--run-dir", "no-such-folder"], 1, "no gateway runs here"),
        (["outbox", "resend", "--run-dir", "no-such-folder", "--segment", "rfid"], 1, "name the site file"),
        (["outbox", "dead", "--json", "--csv"], 2, "either --json or --csv"),
    ],
)
def test_says_what_is_wrong_on_stderr(arguments: list[str], code: int, said: str) -> None:
    done = readpoint(*arguments)
    assert done.returncode == code
    assert said in done.stderr


@pytest.mark.parametrize(
    ("recording", "code", "said"),
    [
        (b"\x00\xff" * 50_000, 1, "recording:1: no line of a recording"),
        (READ.encode() + b'{"time": 1, "device": "reader", "epc": "xyz"}\n', 1, "recording:2: epc 'xyz' is no hex"),
        (READ.encode() + b"x" * 10_000_000, 1, "recording:2: no line of a recording"),
        (b"", 0, ""),
    ],
)
def test_a_recording_that_is_none(site: Path, tmp_path: Path, recording: bytes, code: int, said: str) -> None:
    file = tmp_path / "recording"
    file.write_bytes(recording)
    done = readpoint("replay", "--config", site, file)
    assert (done.returncode, said in done.stderr) == (code, True)


def test_replay_tells_a_missing_file_a_folder_and_a_segment(site: Path, tmp_path: Path) -> None:
    gone = readpoint("replay", "--config", site, tmp_path / "none.jsonl")
    assert (gone.returncode, "No such file" in gone.stderr) == (2, True)
    folder = readpoint("replay", "--config", site, tmp_path)
    assert (folder.returncode, "Is a directory" in folder.stderr) == (2, True)
    other = readpoint("replay", "--config", site, "--segment", "rfdi", "-")
    assert (other.returncode, "did you mean 'rfid'" in other.stderr) == (2, True)
    version = tmp_path / "version.yaml"
    version.write_text(SITE.replace("version: 1", "version: 2"))
    refused = readpoint("replay", "--config", version, "-")
    assert (refused.returncode, refused.stdout) == (78, "")
    assert refused.stderr.startswith(f"{version}:1:10: ")


def test_replay_needs_no_certificates_and_check_does(site: Path) -> None:
    done = readpoint("replay", "--config", site, "-", given=READ.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["subject"] == "urn:epc:id:sgtin:0614141.812345.6789"
    checked = readpoint("check", site)
    assert checked.returncode == 78
    assert checked.stdout.count("file-missing") == 3
    assert checked.stderr == f"{site}: refused: 3 errors\n"


def test_check_for_programs(site: Path) -> None:
    site.write_text(
        SITE.replace("kind: checkpoint", "kind: checkpiont").replace(
            "\ndevices:", "\n  spare: {uri: urn:x:1, kind: zone}\ndevices:"
        )
    )
    done = readpoint("check", "--json", site)
    assert done.returncode == 78
    problems = [json.loads(line) for line in done.stdout.splitlines()]
    assert {problem["severity"] for problem in problems} == {"error", "warning"}
    kind = next(problem for problem in problems if problem["path"] == "read_points.aisle-a.kind")
    assert (kind["file"], kind["line"], kind["code"]) == (str(site), 8, "bad-value")


def test_check_of_a_good_file_says_so(tmp_path: Path) -> None:
    done = readpoint("check", ROOT / "config" / "minimal.yaml")
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.endswith("good: 1 segment, 1 read point, 1 device\n")


def test_a_reader_of_its_output_may_leave(site: Path) -> None:
    """As in `readpoint replay … | head -1`: far more output than a pipe holds."""
    lines = "".join(READ.replace("1a85", f"{serial:04x}") for serial in range(20_000))
    piped = f"set -o pipefail; {sys.executable} -m gateway replay --config {site} - | head -n 1"
    done = subprocess.run(
        ["bash", "-c", piped], input=lines.encode(), capture_output=True, timeout=60, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize(("to", "code"), [("/dev/full", 1), ("&-", 0), ("/dev/null 2>&-", 0)])
@pytest.mark.parametrize("arguments", ["schema", "--help", "replay --config {site} {recording}"])
def test_output_that_nobody_takes(site: Path, tmp_path: Path, arguments: str, to: str, code: int) -> None:
    recording = tmp_path / "recording"
    recording.write_text(READ)
    command = f"{sys.executable} -m gateway {arguments.format(site=site, recording=recording)} >{to}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == code
    assert done.stderr == ("Error: No space left on device\n" if code else "")


@pytest.mark.parametrize("damage", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\x10" * 8192])
def test_an_outbox_that_is_none(site: Path, tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / "state" / "rfid"
    none = readpoint("outbox", "list", "--config", site)
    assert (none.returncode, "there is no outbox here" in none.stderr) == (1, True)
    folder.mkdir(parents=True)
    (folder / "outbox.db").write_bytes(damage)
    done = readpoint("outbox", "list", "--config", site)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder / 'outbox.db'}: " in done.stderr


async def _give_up(folder: Path) -> None:
    """Three events, of which two are given up."""
    async with open_outbox(folder, "rfid", Outbox(linger=0.0), machine_id="m") as outbox:
        for _ in range(3):
            outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"n":1'),)))
        await outbox.flush()
        rows = await outbox.claim("live", 2, 1 << 20)
        outbox.dead([rows[0].rowid], "0x99")
        outbox.dead([rows[1].rowid], "disconnect")
        await outbox.flush()


@pytest.mark.parametrize("where", ["--config", "--file"])
def test_dead_letters_of_a_stopped_gateway_are_listed_and_sent_again(site: Path, tmp_path: Path, where: str) -> None:
    folder = tmp_path / "state" / "rfid"
    asyncio.run(_give_up(folder))
    named = [where, site if where == "--config" else folder / "outbox.db"]
    listed = readpoint("outbox", "dead", "--csv", *named)
    assert listed.stdout.startswith("rowid,epoch,sequence,channel,name,stored,state,changed,reason,size\n1,1,1,epcis,")
    assert len(listed.stdout.splitlines()) == 3
    one = readpoint("outbox", "dead", "--json", "--reason", "disconnect", *named)
    assert [json.loads(line)["sequence"] for line in one.stdout.splitlines()] == [2]
    assert readpoint("outbox", "dead", "--json", "--since", "2100-01-01", *named).stdout == ""
    for since in ("2020-01-01T06:00Z", "2020-01-01 06:00:00+00:00", "2020-01-01T06:00"):
        assert len(readpoint("outbox", "dead", "--json", "--since", since, *named).stdout.splitlines()) == 2
    again = ["outbox", "resend", "--reason", "0x99", *named]
    assert readpoint(*again, "--dry-run").stdout == "1 events would be sent again\n"
    audited = folder / "audit.jsonl"
    assert not audited.exists()
    audited.symlink_to("/dev/full")
    assert "nothing was changed, for it cannot be noted who did" in readpoint(*again).stderr
    audited.unlink()
    assert readpoint(*again).stdout == "1 events are pending again\n"
    assert readpoint(*again).stdout == "0 events are pending again\n"
    [noted] = map(json.loads, audited.read_text().splitlines())
    assert (noted["uid"], noted["asked"]["verb"], noted["asked"]["reason"]) == (os.getuid(), "outbox.resend", "0x99")
    pending = readpoint("outbox", "list", "--state", "pending", "--json", *named)
    assert [json.loads(line)["sequence"] for line in pending.stdout.splitlines()] == [1, 3]


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another user needs root")
@pytest.mark.parametrize("named", ["folder", "file"])
def test_another_user_makes_no_file_beside_a_stopped_outbox(tmp_path: Path, named: str) -> None:
    folder = tmp_path / "rfid"
    asyncio.run(_give_up(folder))
    asked = folder if named == "folder" else folder / "outbox.db"
    os.chown(asked, 65534, -1)
    before = sorted(folder.iterdir())
    done = readpoint("outbox", "resend", "--file", asked)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {asked} is of user 65534: ask as that user, so that the gateway can open its files again\n",
    )
    assert sorted(folder.iterdir()) == before
    assert readpoint("outbox", "resend", "--dry-run", "--file", asked).stdout == "2 events would be sent again\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_quietly(site: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [*READPOINT, "replay", "--config", str(site), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Enough for its output to spill over: then it is at work. What is of one moment waits for what comes next.
        lines = (READ.replace("1a85", f"{serial:04x}").replace("00.125", f"{serial:02}.125") for serial in range(100))
        process.stdin.write("".join(lines).encode())
        process.stdin.flush()
        assert select.select([process.stdout], [], [], 30.0)[0], "nothing was decided"
        process.send_signal(number)
        rest, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, b"")
    assert rest.endswith(b"\n"), "what was said was said whole"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_simulated_reader_runs_until_it_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    truth = tmp_path / "truth.jsonl"
    command = [*READPOINT, "simulate", "llrp", "--port", "0", "--tags", "3", "--truth", str(truth)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stderr is not None
        assert b"reader listens on 127.0.0.1:" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""
    assert len({json.loads(line)["epc"] for line in truth.read_text().splitlines()}) == 3


def test_zones_say_how_many_antennas_there_are(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text("of an earlier run\n")
    command = [*READPOINT, "simulate", "llrp", "--port", "0", "--zones", "x,y,z", "--tags", "6", "--truth", str(truth)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stderr is not None
        assert b"reader listens on 127.0.0.1:" in process.stderr.readline()
        assert truth.read_text() == "of an earlier run\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert all(zone in truth.read_text() for zone in ('"x"', '"y"', '"z"'))


def test_a_port_that_is_taken_leaves_no_truth(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = readpoint("simulate", "llrp", "--port", str(taken.getsockname()[1]), "--truth", truth)
    assert done.returncode == 1
    assert not truth.exists()


def test_the_list_of_commands_says_what_they_say() -> None:
    """The summaries stand in a table, so that the list imports nothing: they must be the commands' own first words."""
    assert isinstance(cli, LazyGroup)
    for name, lazy in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.name == name
        assert command.help is not None
        first = " ".join(command.help.split("\n\n")[0].split())
        assert first.startswith(lazy.summary.removesuffix(".")), f"{name}: {first!r} is not {lazy.summary!r}"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command of ours that does something."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


def test_help_says_all_and_has_examples() -> None:
    for path in commands(cli):
        command: click.Command = cli
        for name in path:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        assert command.help, path
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), (path, parameter.name)
        assert "xample" in command.help or path[0] == "outbox", path


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"pydantic", "ruamel", "rich", "asyncio", "msgspec"}),
        (["replay", "--help"], {"pydantic", "ruamel", "rich", "asyncio", "msgspec"}),
        (["tail", "--help"], {"pydantic", "ruamel", "rich", "asyncio"}),
    ],
)
def test_imports_only_what_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    script = f"""
import sys
sys.argv[1:] = {arguments}
from gateway.cli.main import main
try:
    main()
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert not unwanted & set(done.stderr.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """The script that `readpoint completion bash` prints, sourced in a real bash."""
    program = tmp_path / "readpoint"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    program.chmod(0o755)
    asked = """
eval "$(readpoint completion bash)"
complete_line() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _readpoint_completion readpoint
    echo "${COMPREPLY[@]}"
}
complete_line readpoint sta
complete_line readpoint outbox re
complete_line readpoint tail --js
complete_line readpoint completion f
complete_line readpoint status --segment ''
"""
    run = tmp_path / "run"
    run.mkdir()
    (run / "yard.sock").touch()
    done = subprocess.run(
        ["bash", "-c", asked],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "READPOINT_RUN_DIR": str(run)},
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["status", "resend", "--json", "fish", "yard"]
