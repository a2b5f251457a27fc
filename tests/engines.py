"""The brokers of docs/brokers.md, each as an unprivileged process on 127.0.0.1, from its file in examples/brokers."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from gateway.config.site import Segment, Site, Tls
from tests.brokers import IDENTITY, MOSQUITTO, Pki, free_tcp_port, site_for

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "examples" / "brokers"
STARTED = 90.0
"""Seconds for a start or an end: many times what RabbitMQ takes on a busy machine."""

Protocol = Literal["5", "3.1.1"]
NAMES = ("mosquitto", "mosquitto-3.1.1", "rabbitmq", "nats", "amqtt")

_NATS = re.compile(r"v(\d+)\.(\d+)")


def nats_server() -> str | None:
    """A nats-server that takes topics with a dot: 2.10 or newer, installed or fetched by scripts/debian-packages."""
    for program in (str(ROOT / ".debian/usr/sbin/nats-server"), shutil.which("nats-server", path=_PATH)):
        if program is None or not Path(program).exists():
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        version = _NATS.search(said)
        if version is not None and tuple(map(int, version.groups())) >= (2, 10):
            return program
    return None


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_RABBITMQ = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))


class Recipe(NamedTuple):
    """How to run one engine in a folder that is its own."""

    files: Sequence[str]
    command: Callable[[Path], Sequence[str]]
    ready: str
    protocol: Protocol = "3.1.1"
    environment: Mapping[str, str] = {}
    unprivileged: bool = True


class Engine:
    """A broker on a port of its own, with mutual TLS (amqtt: TLS). `users` are the identities that it lets in."""

    def __init__(self, name: str, pki: Pki, users: Sequence[str] = (IDENTITY,), node: Node | None = None) -> None:
        self.name = name
        self.host = "localhost"
        self.address = node.address if node else "127.0.0.1"
        self.port = node.port if node else free_tcp_port()
        self.pki = pki
        self.folder = Path(tempfile.mkdtemp(prefix="readpoint-broker-"))  # pytest's own folders are for one user only
        self._node = node or Node(self.port, {}, free_tcp_port())
        self._recipe = _recipe(name, self.folder)
        self.protocol = self._recipe.protocol
        self._user = "nobody" if os.getuid() == 0 and self._recipe.unprivileged else None
        self._process: subprocess.Popen[str] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._drain: threading.Thread | None = None
        self.log: list[str] = []
        self._write(users)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it serves."""
        self.spawn()
        self.wait()

    def spawn(self) -> None:
        """Start, and do not wait: the nodes of a cluster wait for each other."""
        if self.name == "rabbitmq" and self._epmd is None:
            self._epmd = self._popen(["epmd", "-port", str(self._node.inner), "-address", "127.0.0.1"], text=False)
        self._process = self._popen(self._recipe.command(self.folder), stdout=subprocess.PIPE)
        self._ready = threading.Event()
        self._drain = threading.Thread(target=self._read_log, args=(self._process, self._ready), daemon=True)
        self._drain.start()

    def wait(self) -> None:
        """Until it said that it is ready."""
        if not self._ready.wait(STARTED) or self._process is None or self._process.poll() is not None:
            log = "\n".join(self.log[-40:])
            self.kill()
            raise AssertionError(f"{self.name} did not start:\n{log}")
        with socket.create_connection((self.address, self.port), STARTED):
            pass

    def stop(self) -> None:
        """As an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Pull the plug."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        self._signal(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """End it, and what it wrote goes."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
        shutil.rmtree(self.folder)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            self._signal(process.pid, signal.SIGCONT)
            self._signal(process.pid, how)
        try:
            process.wait(STARTED)
        except subprocess.TimeoutExpired:
            self._signal(process.pid, signal.SIGKILL)
            process.wait()
        assert self._drain is not None
        self._drain.join()
        assert process.stdout is not None
        process.stdout.close()

    @property
    def _group(self) -> bool:
        """RabbitMQ is a shell script and a virtual machine: both are meant. All others end with a killed test run."""
        return self.name == "rabbitmq"

    def _signal(self, pid: int, how: signal.Signals) -> None:
        (os.killpg if self._group else os.kill)(pid, how)

    def _popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """As the unprivileged user, in the folder, with nothing of our environment."""
        inner = self._node.inner
        own = {"HOME": str(self.folder), "PATH": _PATH, "ERL_EPMD_PORT": str(inner), **self._recipe.environment}
        settings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "text": True, **options}
        return subprocess.Popen(
            command, cwd=self.folder, env=own, user=self._user, start_new_session=self._group, **settings
        )  # fmt: skip

    def _read_log(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip())
            if self._recipe.ready in line:
                ready.set()
        ready.set()  # it ended: who waits finds out

    def _write(self, users: Sequence[str]) -> None:
        """The sample's files, with this test's ports, folder and certificates instead of a machine's."""
        certificate = self._node.certificate or self.pki.broker
        assert certificate.cert is not None
        assert certificate.key is not None
        for source, target in (
            (self.pki.ca, "ca.pem"),
            (certificate.cert, "broker.pem"),
            (certificate.key, "broker.key"),
        ):
            shutil.copyfile(source, self.folder / target)
        (self.folder / "data").mkdir()
        for file in self._recipe.files:
            text = (SAMPLES / file).read_text()
            for said, meant in self._node.adapts(self.folder):
                text = text.replace(said, meant)
            (self.folder / file).write_text(with_users(file, text, users))
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)


class Node(NamedTuple):
    """Where one node listens for MQTT, what else its samples must say otherwise, and an inner port."""

    port: int
    words: Mapping[str, str]
    inner: int
    address: str = "127.0.0.1"
    certificate: Tls | None = None

    def adapts(self, folder: Path) -> Iterator[tuple[str, str]]:
        """What the samples say of a machine, and what it is here."""
        yield from self.words.items()
        yield "/var/lib/broker", f"{folder}/data"
        yield "/etc/broker", str(folder)
        yield "0.0.0.0:8883", f"{self.address}:{self.port}"
        yield "listener 8883", f"listener {self.port} {self.address}"
        yield "127.0.0.1:4222", f"{self.address}:{self.inner}"


def with_users(file: str, text: str, users: Sequence[str]) -> str:
    """What the sample says of gw-07.rfid, said of each of these."""
    if file == "nats-users.conf":
        begin = text.index('    {\n      user: "gw-07.rfid"')
        end = text.index("    }\n  ]", begin)
        block = text[begin:end] + "    }\n"
        made = [block.replace(IDENTITY, one).replace("gw-07//rfid", one.replace(".", "//")) for one in users]
        return text[:begin] + "".join(made) + text[end + len("    }\n") :]
    assert users == (IDENTITY,) or not file.endswith("definitions.json"), "not written for RabbitMQ"
    return text


def _recipe(name: str, folder: Path) -> Recipe:
    """How to run it; skips the test where it is not installed."""
    if name.startswith("mosquitto"):
        program = _found(MOSQUITTO, "mosquitto is not installed: apt-get install mosquitto")
        return Recipe(
            ("mosquitto.conf", "mosquitto.acl"),
            lambda folder: [program, "-c", f"{folder}/mosquitto.conf"],
            " running",
            "3.1.1" if name.endswith("3.1.1") else "5",
        )
    if name == "rabbitmq":
        script = _found(_RABBITMQ and str(_RABBITMQ[-1]), "RabbitMQ is not installed: apt-get install rabbitmq-server")
        return Recipe(
            ("rabbitmq.conf", "rabbitmq-definitions.json"),
            lambda _folder: [script],
            "Server startup complete",
            environment=_rabbitmq(folder),
        )
    if name.startswith("nats"):
        program = _found(nats_server(), "there is no nats-server 2.10 or newer: run scripts/debian-packages")
        files = ("nats.conf", "nats-users.conf", *(["nats-cluster.conf"] if name == "nats-cluster" else []))
        return Recipe(files, lambda folder: [program, "-c", f"{folder}/{name}.conf"], "Server is ready")
    return Recipe(
        ("amqtt.yaml",),
        lambda folder: [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", f"{folder}/amqtt.yaml"],
        "bind to",
        unprivileged=False,  # it may not read the interpreter's folder otherwise
    )


def _found(program: str | Literal[False] | list[Path] | None, otherwise: str) -> str:
    if not program or not isinstance(program, str):
        pytest.skip(otherwise)
    return program


def _rabbitmq(folder: Path) -> dict[str, str]:
    """A node of its own: nothing of the system service's is read or written."""
    return {
        "RABBITMQ_NODENAME": f"{folder.name}@localhost",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
        "RABBITMQ_MNESIA_BASE": f"{folder}/data",
        "RABBITMQ_LOG_BASE": f"{folder}/logs",
        "RABBITMQ_DIST_PORT": str(free_tcp_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP": "/dev/null",
    }


@contextmanager
def engine(name: str, pki: Pki, users: Sequence[str] = (IDENTITY,)) -> Iterator[Engine]:
    """One that runs, until the end."""
    made = Engine(name, pki, users)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def site_of(broker: Engine, **uplink: Any) -> tuple[Site, Segment]:
    """`site_for` a segment of that broker."""
    return site_for(broker.port, broker.pki.client(IDENTITY), protocol=broker.protocol, **uplink)


def _over(names: Sequence[str]) -> pytest.MarkDecorator:
    quick = "mosquitto"
    values = [pytest.param(name, marks=() if name == quick else pytest.mark.soak, id=name) for name in names]
    return pytest.mark.parametrize("broker", values, indirect=True)


over_every_broker = _over(NAMES)
"""For a test that takes `broker`: mosquitto in the quick run, all in the long one."""

over_every_broker_that_ends_the_older_connection = _over([name for name in NAMES if name != "amqtt"])
"""MQTT 5.0, section 3.1.4-3; docs/brokers.md says what amqtt does."""
