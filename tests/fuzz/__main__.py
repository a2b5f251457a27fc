"""One target under atheris: `python -m tests.fuzz NAME [CORPUS] [libFuzzer's options]`."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found, unused-ignore]

with atheris.instrument_imports(include=["drivers", "gateway"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    run = next(target.run for target in TARGETS if target.name == name)

    def once(data: bytes) -> None:
        run(data)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
