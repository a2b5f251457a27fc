"""A consumer of readpoint's events, as small as it may be: it takes each event once, and keeps where each object is.

    python consumer.py --port 18883 --certificates demo

The folder holds ca.pem, central.pem and central.key: who this consumer is. Needs paho-mqtt (2.1 or newer).
"""

import argparse
import json
from pathlib import Path

import paho.mqtt.client as mqtt

seen = set()  # ids; a service keeps them in its database, with what it made of the event
places = {}  # object: (eventTime, epoch, sequence, stream, read point), where it is
newest, ended = {}, {}  # the newest placement of an object; the newest departure by whom from where


def take(event):
    """One event. Delivery is at least once: what has been seen is skipped."""
    if "sequence" not in event or event["id"] in seen:
        return
    seen.add(event["id"])
    if event["type"] != "readpoint.epcis.v1":
        print(event["type"], json.dumps(event["data"]))
        return
    data = event["data"]
    transition = data["readpoint:observation"]["transition"]
    print(data["eventTime"], transition, data["readPoint"]["id"], event["subject"])
    place(event["subject"], transition, data, event)


def place(thing, transition, data, event):
    """The placement with the greatest (eventTime, epoch, sequence) counts, unless who made it has ended it.

    An older event is history, but nothing is forgotten: what it ends may have yet to come.
    """
    source = (event["stream"], data["readPoint"]["id"])
    new = (data["eventTime"], event["epoch"], int(event["sequence"]), *source)
    if transition in ("arrived", "moved"):
        newest[thing] = max(new, newest.get(thing, new))
    if transition == "departed":
        ended[thing, *source] = max(new, ended.get((thing, *source), new))
    last = newest.get(thing)
    if last is not None and last > ended.get((thing, *last[3:]), ()):
        places[thing] = last
    else:
        places.pop(thing, None)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, default=8883)
    words.add_argument("--certificates", type=Path, required=True)
    asked = words.parse_args()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="my-consumer")
    folder = asked.certificates
    client.tls_set(str(folder / "ca.pem"), str(folder / "central.pem"), str(folder / "central.key"))
    client.on_connect = lambda client, *_: client.subscribe("readpoint/v1/#", qos=1)

    def on_message(_client, _userdata, message):
        payload = json.loads(message.payload)
        for event in payload if isinstance(payload, list) else [payload]:
            take(event)

    client.on_message = on_message
    client.connect(asked.host, asked.port)
    client.loop_forever()


if __name__ == "__main__":
    main()
