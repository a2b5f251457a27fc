"""Cost of writing one location event: transition → EPCIS in a CloudEvent's JSON."""

from __future__ import annotations

from time import perf_counter

from drivers.contract import Measurement
from gateway.config.site import Gateway
from gateway.messages import Composer
from gateway.model import ByDirection, Identity, Passage, ReadPoint, Source, Transition

EVENTS = 20_000


def main() -> None:
    point = ReadPoint(
        "dock-1",
        "urn:epc:id:sgln:9521141.12345.dock1",
        "portal",
        location=ByDirection("urn:epc:id:sgln:9521141.12345.0", "urn:epc:id:sgln:9521141.99999.0"),
        biz_step=ByDirection("receiving", "shipping"),
    )
    composer = Composer(Gateway("gw-07", "dc1", "Europe/Madrid"), "rfid", {"dock-1": point})
    sources = (Source("dock-reader", 1, 21, -48.5), Source("dock-reader", 2, 16, -51.0))
    transitions = [
        Transition(
            "passed",
            Identity(
                f"urn:epc:id:sscc:952012.{i:011d}", "sscc", "instance", f"https://id.gs1.org/00/09520120{i:010d}", 2
            ),
            "dock-1",
            time=1790000000 + i * 0.003,
            decided=1790000000.7 + i * 0.003,
            first_seen=1789999998 + i * 0.003,
            last_seen=1790000000 + i * 0.003,
            reads=37,
            sources=sources,
            direction="in",
            passage=Passage("0192f7c1-6b2e-7c3a-9d11-aaaaaaaaaaaa", 61, 7),
        )
        for i in range(EVENTS)
    ]
    best = min(_seconds(composer, transitions) for _ in range(5))
    print(f"event written: {best / EVENTS * 1e6:.2f} us (target <= 5 us)")
    points = [Measurement(f"point-{number}", 230.1 + number, "VLT", "good", 1790000000.0) for number in range(20)]
    best = min(_telemetry(composer, points) for _ in range(5))
    print(f"measured point written, 20 a message: {best / EVENTS * 1e6:.2f} us (target <= 3 us)")


def _seconds(composer: Composer, transitions: list[Transition]) -> float:
    begin = perf_counter()
    for transition in transitions:
        composer.epcis(transition)
    return perf_counter() - begin


def _telemetry(composer: Composer, points: list[Measurement]) -> float:
    begin = perf_counter()
    for _ in range(EVENTS // len(points)):
        composer.telemetry("meter", 1790000000.0, points)
    return perf_counter() - begin


if __name__ == "__main__":
    main()
