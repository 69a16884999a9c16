// Official socket.io-clients that follow the protocol: they join their rooms, repair gaps by room:sync, come back with
// session:resume and send again what was not acknowledged, and write down what they showed. One JSON object a line.
//
// In: {start, url, token, rooms, transports} · {send, room, key}. End of input ends.
// Out: the lines of the history that are theirs (src/event.rs), without `t`.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.CHAT_E2E_MODULES);
const { io } = require("socket.io-client");

const members = new Map();

class Member {
  constructor({ start: name, url, token, rooms, transports }) {
    Object.assign(this, { name, rooms, views: {}, joined: new Set() });
    this.pending = new Map();
    this.syncing = new Set();
    // `k` is the same for the client's whole life: balancers keep it at one node by it.
    this.socket = io(url + "/chat", {
      auth: { token }, transports, query: { k: name }, forceNew: true,
      reconnectionDelay: 100, reconnectionDelayMax: 2000,
    });
    this.socket.on("ready", (ready) => this.enter(ready));
    this.socket.on("disconnect", (reason) => {
      this.entered = false;
      if (reason === "io server disconnect") this.complain("told to stay away");
    });
    // An active socket comes back by itself; one that was refused does not.
    this.socket.on("connect_error", (error) => {
      if (!this.socket.active) this.complain(`refused: ${error.message}`);
    });
    this.socket.on("message:created", (entry) => this.offer(entry));
    this.socket.on("room:head", ({ room, head }) => {
      this.view(room).head = Math.max(this.view(room).head, head);
      this.repair(room);
    });
  }

  view(room) {
    return (this.views[room] ??= { last: 0, held: new Map(), head: 0 });
  }

  last(room) {
    return this.view(room).last;
  }

  ask(event, payload) {
    return this.socket.timeout(10_000).emitWithAck(event, payload);
  }

  async enter({ epoch }) {
    this.tell({ kind: "connected" });
    if (this.epoch && this.epoch !== epoch) this.complain(`the epoch became ${epoch}`);
    this.epoch = epoch;
    this.syncing.clear();
    const line = this.socket.id;
    try {
      const rooms = Object.fromEntries([...this.joined].map((room) => [room, this.last(room)]));
      if (this.joined.size) {
        const resumed = await this.ask("session:resume", { epoch, rooms });
        if (!resumed.ok) return this.again(resumed, line);
        for (const [room, sync] of Object.entries(resumed.rooms)) this.synced(room, sync);
      }
      for (const room of this.rooms.filter((r) => !this.joined.has(r))) {
        const joined = await this.ask("room:join", { room, after: 0, epoch });
        if (!joined.ok) return this.again(joined, line);
        this.joined.add(room);
        this.tell({ kind: "joined", room });
        this.synced(room, joined.sync);
      }
    } catch {
      return this.again({}, line);
    }
    this.entered = true;
    for (const key of this.pending.keys()) this.transmit(key);
  }

  // Comes in by a new connection, if it is still the same one that failed.
  again(reply, line) {
    const code = reply.error?.code;
    if (code && code !== "unavailable" && code !== "rate_limited") this.complain(JSON.stringify(reply));
    if (this.socket.id === line && this.socket.connected) this.socket.io.engine.close();
  }

  offer({ room, seq, client_id: key }) {
    const view = this.view(room);
    view.head = Math.max(view.head, seq);
    if (seq > this.last(room)) view.held.set(seq, key);
    for (let next; view.held.has((next = view.last + 1)); view.held.delete(next)) {
      view.last = next;
      this.tell({ kind: "shown", room, seq: next, key: view.held.get(next) });
    }
    this.repair(room);
  }

  synced(room, sync) {
    if (sync.reset) return this.complain(`a reset of ${room}`);
    for (const entry of sync.entries) this.offer({ ...entry, room });
    this.view(room).head = Math.max(this.view(room).head, sync.head);
    this.repair(room);
  }

  async repair(room) {
    if (!this.entered || this.view(room).head <= this.last(room) || this.syncing.has(room)) return;
    this.syncing.add(room);
    const line = this.socket.id;
    try {
      const payload = { room, after: this.last(room), epoch: this.epoch, full: true };
      const sync = await this.ask("room:sync", payload);
      this.syncing.delete(room);
      if (sync.ok) this.synced(room, sync);
      else this.again(sync, line);
    } catch {
      this.again({}, line);
    }
  }

  async transmit(key) {
    const room = this.pending.get(key);
    if (!room || !this.entered) return;
    const line = this.socket.id;
    try {
      const reply = await this.ask("message:send", { room, text: key, client_id: key });
      if (reply.ok) {
        if (this.pending.delete(key)) this.tell({ kind: "ack", room, key, seq: reply.seq });
      } else if (["unavailable", "rate_limited"].includes(reply.error.code)) {
        setTimeout(() => this.transmit(key), reply.error.retry_after_ms ?? 300);
      } else {
        this.complain(JSON.stringify(reply));
      }
    } catch {
      // No answer: the line is given up, and the next one sends it again.
      this.again({}, line);
    }
  }

  tell(event) {
    process.stdout.write(JSON.stringify({ client: this.name, ...event }) + "\n");
  }

  complain(what) {
    this.tell({ kind: "complaint", what });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.start) {
    members.set(command.start, new Member(command));
  } else {
    const member = members.get(command.send);
    member.pending.set(command.key, command.room);
    member.transmit(command.key);
  }
});
lines.on("close", () => process.exit(0));
