"""The schema as editors use it: checked with yaml-language-server itself, over its own protocol."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.config.schema import duration, schema, size

ROOT = Path(__file__).resolve().parents[2]
SERVER = "yaml-language-server@1.25"
BOUND = 60.0
Json = dict[str, Any]


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


def test_every_key_has_a_help_text() -> None:
    whole = schema()
    definitions = whole["definitions"]
    for name, one in {"": whole, **definitions}.items():
        for key, value in one.get("properties", {}).items():
            shown = definitions[value["$ref"].rpartition("/")[2]] if "$ref" in value else value
            assert value.get("description") or shown.get("description"), f"{name}.{key}"


@pytest.mark.parametrize(("seconds", "text"), [(0.02, "20ms"), (0, "0s"), (1.5, "1.5s"), (90, "90s"), (259200, "3d")])
def test_durations_as_a_file_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(2**31, "2GiB"), (65 * 2**20, "65MiB"), (1025, "1025B"), (2048, "2KiB")])
def test_sizes_as_a_file_writes_them(count: int, text: str) -> None:
    assert size(count) == text


class Editor:
    """As much of a Language Server Protocol client as the tests need (LSP 3.17, base protocol)."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._buffer = b""
        self._last = 0
        self._settings = {"yaml": {"validate": True, "completion": True, "schemaStore": {"enable": False}}}
        capabilities = {"workspace": {"configuration": True}}
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": self._settings})

    def diagnostics(self, name: str, text: str) -> list[Json]:
        """What it finds wrong with a file of that text."""
        uri = self._open(name, text)
        while True:
            message = self._receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return list(message["params"]["diagnostics"])

    def completion(self, name: str, text: str) -> list[str]:
        """What it offers at the end of that text."""
        uri = self._open(name, text)
        lines = text.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        items = found["items"] if isinstance(found, dict) else found
        return [item["label"] for item in items]

    def _open(self, name: str, text: str) -> str:
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._last and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> Json:
        """The next message that is no question of the server's; those are answered."""
        while True:
            message = self._message()
            if "id" not in message or "method" not in message:
                return message
            asked = message["params"]["items"] if message["method"] == "workspace/configuration" else None
            result = None if asked is None else [self._settings.get(item.get("section")) for item in asked]
            self._send({"id": message["id"], "result": result})

    def _message(self) -> Json:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        while not end:
            self._more()
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
        length = int(head.split(b":")[1].split()[0])
        while len(rest) < length:
            self._more()
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        message: Json = json.loads(rest[:length])
        return message

    def _more(self) -> None:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], BOUND)
        assert ready, f"yaml-language-server said nothing for {BOUND} s"
        data = self._process.stdout.read1(65536)  # type: ignore[attr-defined]
        assert data, "yaml-language-server ended"
        self._buffer += data


@pytest.fixture(scope="module")
def server() -> Path:
    """The language server, installed once into the project's cache."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node and npm are not installed: apt install nodejs npm")
    folder = ROOT / ".readpoint" / "node"
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), SERVER]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=100)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm could not install {SERVER}: {error}")
    return program


@pytest.fixture(scope="module")
def editor(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "readpoint.schema.json").write_text(json.dumps(schema()))
    with subprocess.Popen(["node", str(server), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Editor(process, folder)
        finally:
            process.kill()


HEAD = "# yaml-language-server: $schema=readpoint.schema.json\n"


@pytest.mark.node
@pytest.mark.parametrize("sample", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_an_editor_finds_nothing_in_a_sample(editor: Editor, sample: Path) -> None:
    assert editor.diagnostics(sample.name, sample.read_text()) == []


WRONG = [
    ("kind: zone", "kind: zon", "zone"),
    ("site: lab", "sight: lab", "sight"),
    ("driver: llrp", "driver: lrrp", "llrp"),
    ("host: 192.168.1.20", "hots: 192.168.1.20", "hots"),
    ("host: 192.168.1.20", "host: 192.168.1.20, session: 4", "3"),
    ("host: 192.168.1.20", "host: 192.168.1.20, keepalive: 5", "string"),
    ("read_point: shelf", "antennas: {1: {read_point: shelf, power: 3}}", "power"),
    ('"mqtt://127.0.0.1:1883"', '"mqtt://127.0.0.1:1883", protocol: 5', '"5"'),
]


@pytest.mark.node
@pytest.mark.parametrize(("old", "new", "words"), WRONG)
def test_an_editor_marks_a_mistake(editor: Editor, old: str, new: str, words: str) -> None:
    text = (ROOT / "config" / "minimal.yaml").read_text()
    assert old in text
    text = text.replace(old, new, 1)
    found = editor.diagnostics(f"{abs(hash(new))}.yaml", text)
    assert found
    assert any(words in item["message"] for item in found), [item["message"] for item in found]
    line = next(number for number, content in enumerate(text.splitlines()) if new in content)
    assert {item["range"]["start"]["line"] for item in found} == {line}


@pytest.mark.node
def test_an_editor_offers_the_drivers_own_keys(editor: Editor) -> None:
    text = f"{HEAD}version: 1\ndevices:\n  reader:\n    driver: llrp\n    "
    offered = editor.completion("offer.yaml", text)
    assert {"segment", "antennas", "host", "session", "keepalive"} <= set(offered)


@pytest.mark.node
def test_an_editor_offers_the_words_of_the_standard(editor: Editor) -> None:
    text = f"{HEAD}version: 1\nread_points:\n  dock:\n    kind: zone\n    biz_step: "
    assert {"receiving", "shipping"} <= set(editor.completion("words.yaml", text))
