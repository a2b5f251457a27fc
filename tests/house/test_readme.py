"""The documents are true: sites load, commands exist with these options, links and paths lead somewhere."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest

from drivers.contract import Measurement
from gateway.cli.demo import NEXT
from gateway.cli.main import cli
from gateway.config.load import load
from gateway.config.site import Gateway
from gateway.messages import Composer, whole
from gateway.replay import replay
from tests.house.test_samples import PARTS, with_files

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), *(ROOT / "drivers").rglob("*.md")]
PYTHON = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if ".venv" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, fence: str) -> list[str]:
    return re.findall(rf"^```{fence}\n(.*?)^```", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def sites() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        if path.name != "configuration.md":  # it has its own test, in test_samples
            yield from ((f"{name(path)} {number}", text) for number, text in enumerate(blocks(path, "yaml"), start=1))


@pytest.mark.parametrize("text", [text for _, text in sites()], ids=[where for where, _ in sites()])
def test_a_site_in_a_document_loads_without_a_word(text: str, tmp_path: Path) -> None:
    """A fragment stands in a site around it."""
    if "\nversion:" not in f"\n{text}":
        there = [line.partition(":")[0] for line in text.splitlines()]
        if "devices" in there and "aisle-a" not in text:
            there.append("read_points")  # it needs none
        missing = [part for part in PARTS.split("\n\n") if part.partition(":")[0] not in there]
        text = "\n".join([*missing, text])
    assert load(with_files(text, tmp_path)).warnings == []


def lines_of_shell() -> Iterator[tuple[str, str]]:
    """Every line a reader may type: in `sh` blocks, in backticks, and those that the demo prints at its end."""
    for path in DOCUMENTS:
        for block in blocks(path, "sh"):
            yield from ((name(path), line) for line in block.splitlines())
        yield from ((name(path), line) for line in re.findall(r"`((?:readpoint|make) [a-z][^`]*)`", prose(path)))
    for line in NEXT.format(readpoint="readpoint", python="python").splitlines():
        if line.startswith("    "):
            yield "the demo", line


def commands(program: str) -> list[tuple[str, str]]:
    """Each use of this program: where it stands, and its words."""
    found = set()
    for where, line in lines_of_shell():
        for part in re.split(r"\||>| #", line):
            word, _, rest = part.strip().partition(" ")
            if Path(word).name == program and rest:
                found.add((where, rest))
    return sorted(found)


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that commands in the documents name."""
    monkeypatch.chdir(tmp_path)
    for file in (
        "site.yaml",
        "other.yaml",
        "dock.jsonl",
        "demo/site.yaml",
        "demo/floor.jsonl",
        "RECORDING",
        "scanned.csv",
        "tuned.yaml",
        "truth.jsonl",
        "walk.csv",
    ):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).touch()
    return tmp_path


@pytest.mark.parametrize(("where", "words"), commands("readpoint"), ids=lambda text: text)
def test_a_command_is_one_with_these_options(where: str, words: str, floor: Path) -> None:
    """Parsed, not run: what it does is tested with its part."""
    command: click.Command = cli
    context: click.Context | None = None
    rest = shlex.split(words.removesuffix("…").strip())
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        context = click.Context(command, parent=context)
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    if rest and not isinstance(command, click.Group):
        with command.make_context(command.name, rest, parent=context):
            pass  # what it opened is closed


def test_make_knows_its_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    asked = {words.split()[0] for _, words in commands("make")}
    assert {"demo", "test"} <= asked <= targets


def test_scripts_that_are_named_are_there() -> None:
    asked = {words for _, words in commands("python")}
    scripts = {words.split()[0] for words in asked if not words.startswith("-m ")}
    assert scripts == {"docs/consumer.py"}
    assert (ROOT / "docs" / "consumer.py").is_file()
    modules = {words.split()[1] for words in asked if words.startswith("-m examples.")}
    assert "examples.central.subscriber" in modules
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_code_and_tests_that_are_named_are_there(path: Path) -> None:
    for file, test in re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", prose(path)):
        found = [known for known in PYTHON if f"/{known}".endswith(f"/{file}")]
        assert found, file
        assert not test or f"def {test}(" in (ROOT / found[0]).read_text(), test


def test_the_example_for_consumers_is_what_the_code_says(tmp_path: Path) -> None:
    """The recording in the page, decided on the README's site, gives the event in the page, but for its ids."""
    page = ROOT / "docs" / "messages.md"
    site = load(with_files(blocks(README, "yaml")[0], tmp_path)).site
    [recording], [shown, _] = blocks(page, "jsonl"), blocks(page, "json")
    [said] = replay(site, recording.encode().splitlines())
    assert without_ids(json.loads(said)) == without_ids(json.loads(shown))


def test_the_telemetry_for_consumers_is_what_the_code_says() -> None:
    shown = json.loads(blocks(ROOT / "docs" / "messages.md", "json")[1])
    points = shown["points"]
    at = [datetime.fromisoformat(point.get("time", shown["time"])).timestamp() for point in points]
    measured = [
        Measurement(
            point["name"],
            point["value"],
            point["uom"],
            point["quality"],
            time,
            point.get("reason"),
            point.get("exception"),
        )
        for point, time in zip(points, at, strict=True)
    ]
    [draft] = Composer(Gateway("gw-07", "dc1"), "rfid", {}).telemetry(shown["device"], max(at), measured)
    assert json.loads(whole(draft))["data"] == shown


def test_the_page_on_drivers_shows_the_example_that_is_tested() -> None:
    page = ROOT / "docs" / "drivers" / "writing-a-driver.md"
    example = page.parent / "example"
    code = "\n".join(path.read_text() for path in sorted(example.rglob("*.py")))
    shown = blocks(page, "python")
    assert len(shown) > 3
    for block in shown:
        assert block in code, block
    assert blocks(page, "toml")[0] in (example / "pyproject.toml").read_text()


def without_ids(event: dict[str, object]) -> object:
    text = json.dumps(event)
    return json.loads(re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "ID", text))


def test_the_consumer_takes_each_event_once_and_keeps_the_newest_placement() -> None:
    consumer = runpy.run_path(str(ROOT / "docs" / "consumer.py"))
    take, places = consumer["take"], consumer["places"]

    def said(sequence: int, transition: str, point: str, second: int, stream: str = "rfid-1") -> None:
        data = {
            "eventTime": f"2026-11-21T17:42:{second:02}.000Z",
            "readPoint": {"id": point},
            "readpoint:observation": {"transition": transition},
        }
        event = {"id": f"{stream} {sequence}", "type": "readpoint.epcis.v1", "subject": "tag", "data": data}
        take({**event, "stream": stream, "epoch": 1, "sequence": str(sequence)})

    said(1, "arrived", "a", 10)
    said(9, "moved", "b", 20)
    said(10, "moved", "a", 21)
    said(9, "moved", "b", 20)  # again
    said(3, "moved", "b", 15)  # late
    assert places["tag"][-1] == "a"
    said(11, "departed", "b", 30)  # not where it is
    said(2, "departed", "a", 31, stream="yard-1")  # not who placed it
    assert places["tag"][-1] == "a"
    said(12, "departed", "a", 32)
    assert places == {}
    said(5, "arrived", "a", 18)  # late, and over already
    assert places == {}
    said(20, "departed", "b", 50)  # before the arrival that it ends
    said(19, "arrived", "b", 49)
    assert places == {}
    take({"id": "health", "type": "readpoint.health.v1", "data": {"state": "online"}})  # not numbered: a repetition


def test_the_picture_is_one_of_the_demo() -> None:
    root = ET.parse(ROOT / "docs" / "demo.svg").getroot()
    text = " ".join("".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ").split())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "uplink cut" in text
    assert "received" in text


def test_the_changes_tell_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
