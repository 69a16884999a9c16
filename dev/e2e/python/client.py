"""The official python-socketio client, driven from a test; the same lines as node/client.mjs."""

import json
import sys
import threading

import socketio

LOCK = threading.Lock()


def tell(**line):
    with LOCK:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)


@client.on("connect", namespace="/chat")
def on_connect():
    tell(type="connect", transport=client.transport())


@client.on("connect_error", namespace="/chat")
def on_connect_error(data):
    tell(type="connect_error", message=data.get("message") if isinstance(data, dict) else str(data))


@client.on("disconnect", namespace="/chat")
def on_disconnect(reason=None):
    tell(type="disconnect", reason=str(reason))


@client.on("*", namespace="/chat")
def on_event(name, data=None):
    tell(type="event", name=name, data=data)


def connect(url, token, transports):
    try:
        client.connect(url, auth={"token": token}, transports=transports, namespaces=["/chat"])
        tell(type="upgrade", transport=client.transport())
    except socketio.exceptions.ConnectionError as error:
        tell(type="refused", message=str(error))


for line in sys.stdin:
    command = json.loads(line)
    if "url" in command:
        connect(**command)
        continue

    def answer(data=None, number=command["id"]):
        tell(type="ack", id=number, data=data)

    client.emit(command["emit"], command["data"], namespace="/chat", callback=answer)
client.disconnect()
