"""Where a gateway shows its metrics, as a technician writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.problem import ConfigError
from gateway.config.site import Metrics

SITE = """\
version: 1
gateway: {{id: gw-1, site: lab, metrics: {metrics}}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1"}}}}
"""


def loaded(folder: Path, metrics: str) -> Metrics:
    """What a site with these is run with."""
    file = folder / "site.yaml"
    file.write_text(SITE.format(metrics=metrics))
    return load(file).site.gateway.metrics


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("{}", None),
        ('{listen: "127.0.0.1:9464"}', ("127.0.0.1", 9464)),
        ('{listen: "[::1]:9464"}', ("::1", 9464)),
        ('{listen: "0.0.0.0:65535"}', ("0.0.0.0", 65535)),
    ],
)
def test_an_address_is_taken_as_written(tmp_path: Path, text: str, listen: tuple[str, int] | None) -> None:
    assert loaded(tmp_path, text).listen == listen


def test_a_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, "{textfile: shown}").textfile == tmp_path / "shown"


@pytest.mark.parametrize(
    "text", ["9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "box:9464", "::1:9464", "1.2.3:80"]
)
def test_what_is_no_address_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f'{{listen: "{text}"}}')
    (problem,) = refused.value.problems
    assert problem.path == "gateway.metrics.listen"
    assert "as in 1" in problem.text
