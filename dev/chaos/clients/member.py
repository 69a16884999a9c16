"""Official python-socketio clients that follow the protocol, driven by the same lines as member.mjs.

Each client is one thread that does one thing after another: what the library's handlers hear goes into its queue.
"""

import json
import queue
import random
import sys
import threading
import time

import socketio

LOCK = threading.Lock()
TRANSIENT = ("unavailable", "rate_limited")
# A request is answered within 8 s; a line that is silent for longer is given up.
ANSWER = 10
# Waits between tries to connect: from, to.
BACKOFF = (0.1, 2)


class Stuck(Exception):
    """The line is over, or to be given up; another is begun."""


class Member:
    def __init__(self, name, url, token, rooms, transports):
        self.name, self.url, self.token, self.rooms, self.transports = name, url, token, rooms, transports
        self.work = queue.Queue(maxsize=10_000)
        self.views, self.joined, self.pending, self.retry = {}, set(), {}, {}
        self.line, self.client, self.epoch, self.entered, self.wait = 0, None, None, False, BACKOFF[0]
        threading.Thread(target=self.run, daemon=True).start()

    def tell(self, kind, **fields):
        with LOCK:
            sys.stdout.write(json.dumps({"kind": kind, "client": self.name, **fields}) + "\n")
            sys.stdout.flush()

    def complain(self, what):
        self.tell("complaint", what=what)

    def dial(self):
        """Begins a line; the one before is left to end by itself."""
        if self.client:
            threading.Thread(target=self.client.disconnect, daemon=True).start()
        self.line += 1
        self.entered, self.since = False, time.monotonic()
        # The library's own way back gives the server one second to let it into the namespace, whatever `connect` was told:
        # on a slow line it never arrives.
        client = socketio.Client(reconnection=False, request_timeout=ANSWER)
        self.client, line = client, self.line
        hear = lambda kind: lambda data=None: self.work.put((line, kind, data))
        client.on("ready", hear("ready"), namespace="/chat")
        client.on("message:created", hear("entry"), namespace="/chat")
        client.on("room:head", hear("head"), namespace="/chat")
        client.on("disconnect", hear("lost"), namespace="/chat")
        try:
            # `k` is the same for the client's whole life: balancers keep it at one node by it.
            client.connect(
                f"{self.url}?k={self.name}", auth={"token": self.token}, transports=self.transports,
                namespaces=["/chat"], wait_timeout=ANSWER,
            )
        except socketio.exceptions.ConnectionError:
            raise Stuck from None

    def run(self):
        while True:
            try:
                self.dial()
                while True:
                    self.turn()
            except Stuck:
                # Spread, so that not all come in the same moment.
                time.sleep(self.wait * random.uniform(0.5, 1))
                self.wait = min(2 * self.wait, BACKOFF[1])

    def turn(self):
        try:
            line, kind, data = self.work.get(timeout=0.3)
        except queue.Empty:
            line, kind, data = self.line, None, None
        if kind == "send":
            self.pending[data["key"]] = data["room"]
            self.transmit(data["key"])
        elif line == self.line and kind == "ready":
            self.enter(data)
        elif line == self.line and kind == "entry":
            self.offer(data["room"], data["seq"], data["client_id"])
            self.repair(data["room"])
        elif line == self.line and kind == "head":
            self.head(data["room"], data["head"])
            self.repair(data["room"])
        elif line == self.line and kind == "lost":
            if data == socketio.Client.reason.SERVER_DISCONNECT:
                self.complain("told to stay away")
            raise Stuck
        if not self.entered and time.monotonic() - self.since > ANSWER:
            raise Stuck
        now = time.monotonic()
        for key in [key for key, at in self.retry.items() if at <= now]:
            del self.retry[key]
            self.transmit(key)

    def ask(self, event, payload):
        """The reply; a line on which none comes is given up."""
        try:
            return self.client.call(event, payload, namespace="/chat", timeout=ANSWER)
        except socketio.exceptions.SocketIOError:
            raise Stuck from None

    def refused(self, reply):
        code = reply["error"]["code"]
        if code not in TRANSIENT:
            self.complain(json.dumps(reply))
        raise Stuck

    def enter(self, ready):
        self.tell("connected")
        if self.epoch and self.epoch != ready["epoch"]:
            self.complain("the epoch became " + ready["epoch"])
        self.epoch = ready["epoch"]
        if self.joined:
            rooms = {room: self.view(room)["last"] for room in self.joined}
            resumed = self.ask("session:resume", {"epoch": self.epoch, "rooms": rooms})
            if not resumed["ok"]:
                self.refused(resumed)
            for room, sync in resumed["rooms"].items():
                self.synced(room, sync)
        for room in [room for room in self.rooms if room not in self.joined]:
            joined = self.ask("room:join", {"room": room, "after": 0, "epoch": self.epoch})
            if not joined["ok"]:
                self.refused(joined)
            self.joined.add(room)
            self.tell("joined", room=room)
            self.synced(room, joined["sync"])
        self.entered, self.wait = True, BACKOFF[0]
        self.retry.clear()
        for room in self.rooms:
            self.repair(room)
        for key in list(self.pending):
            self.transmit(key)

    def view(self, room):
        return self.views.setdefault(room, {"last": 0, "head": 0, "held": {}})

    def head(self, room, head):
        self.view(room)["head"] = max(self.view(room)["head"], head)

    def offer(self, room, seq, key):
        view = self.view(room)
        self.head(room, seq)
        if seq > view["last"]:
            view["held"][seq] = key
        while view["last"] + 1 in view["held"]:
            view["last"] += 1
            self.tell("shown", room=room, seq=view["last"], key=view["held"].pop(view["last"]))

    def synced(self, room, sync):
        if sync.get("reset"):
            self.complain("a reset of " + room)
            return
        for entry in sync["entries"]:
            self.offer(room, entry["seq"], entry["client_id"])
        self.head(room, sync["head"])

    def repair(self, room):
        view = self.view(room)
        while self.entered and view["head"] > view["last"]:
            sync = self.ask("room:sync", {"room": room, "after": view["last"], "epoch": self.epoch, "full": True})
            if not sync["ok"]:
                self.refused(sync)
            if sync.get("reset") or not sync["entries"]:
                self.synced(room, sync)
                return
            self.synced(room, sync)

    def transmit(self, key):
        room = self.pending.get(key)
        if room is None or not self.entered:
            return
        reply = self.ask("message:send", {"room": room, "text": key, "client_id": key})
        if reply["ok"]:
            del self.pending[key]
            self.tell("ack", room=room, key=key, seq=reply["seq"])
        elif reply["error"]["code"] in TRANSIENT:
            self.retry[key] = time.monotonic() + reply["error"].get("retry_after_ms", 300) / 1000
        else:
            self.complain(json.dumps(reply))


members = {}
for text in sys.stdin:
    command = json.loads(text)
    if "start" in command:
        name = command.pop("start")
        members[name] = Member(name, **command)
    else:
        members[command["send"]].work.put((0, "send", command))
