"""The central service of the benchmarks, as its own process: counts distinct ids of events and telemetry.

Usage: python -m tests.bench.subscriber PORT CA CERT KEY. Prints `ready`; for each line of stdin, the count so far.
"""

from __future__ import annotations

import re
import ssl
import sys
import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

NUMBERED = ("epcis", "telemetry")
ID = re.compile(rb'"id":"urn:uuid:([0-9a-f-]{36})"')


def main() -> None:
    port, ca, cert, key = sys.argv[1:]
    ids: set[bytes] = set()
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "central", protocol=paho.MQTTv5)
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    client.tls_set_context(context)
    client.on_connect = lambda *_: client.subscribe([(f"readpoint/v1/+/+/+/{one}/#", 1) for one in NUMBERED])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: ids.update(ID.findall(message.payload))
    client.connect("localhost", int(port))
    client.loop_start()
    if not ready.wait(10):
        sys.exit("no subscription")
    print("ready", flush=True)
    for _ in sys.stdin:
        print(len(ids), flush=True)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
