// The chat without its pictures: rooms, what was missed, what is to be sent. Nothing here knows an element; who shows
// it is told `changed` and looks.

import { Outbox } from "./outbox";
import { Past } from "./past";
import { Room } from "./room";
import type { Session } from "./session";
import { shown } from "./text";
import {
  type Entry,
  Failure,
  type Member,
  type Message,
  type Page,
  type Presence,
  type Ready,
  type RoomSummary,
  type Status,
  type Sync,
  type User,
} from "./types";
import { isEntry, type LineState, Wire } from "./wire";

/** Messages read at first. */
export const PAGE = 50;
const TYPING = 6_000;

/** What the screen is told. */
export interface Screen {
  changed(): void;
  /** A new message of somebody else in the open room, for those who listen. */
  heard(message: Message): void;
  /** One line for a person. */
  notice(text: string): void;
  over(why: string): void;
}

export class Chat {
  rooms = new Map<string, Room>();
  open: Room | null = null;
  state: LineState = "connecting";
  server = "";
  textBytes = 8_000;
  blocked = new Set<string>();
  outbox: Outbox;
  readonly past: Past;
  /** Whether somebody is looking at the end of the open room. */
  reading = false;
  private epoch = "";
  private wire: Wire;
  private sending = false;
  private repairing = new Set<string>();
  private marked = new Map<string, number>();
  private typedAt = 0;

  constructor(
    readonly session: Session,
    private screen: Screen,
  ) {
    this.outbox = new Outbox(session.user);
    this.past = new Past(this, screen);
    this.wire = new Wire(session, {
      ready: (ready) => void this.ready(ready),
      state: (state) => this.is(state),
      event: (name, data) => this.event(name, data),
      over: (why) => screen.over(why),
    });
  }

  get me(): User {
    return this.session.user;
  }

  close(): void {
    this.wire.close();
  }

  async request<T>(event: string, payload: object): Promise<T> {
    return await this.wire.request<T>(event, payload);
  }

  // ---- coming and coming back

  private is(state: LineState): void {
    this.state = state;
    this.screen.changed();
  }

  private async ready(ready: Ready): Promise<void> {
    this.server = ready.server.name;
    this.textBytes = ready.limits.text_bytes;
    this.blocked = new Set(ready.blocked ?? []);
    if (this.epoch !== ready.epoch) for (const room of this.rooms.values()) room.reset(0, undefined, 1);
    try {
      const summaries = [...ready.rooms, ...(await this.rest(ready.next))];
      const known = new Map<string, number>();
      for (const summary of summaries) {
        const room = this.rooms.get(summary.room);
        // A room that is new here begins with what is there now; its messages are read when it is opened.
        known.set(summary.room, room && this.epoch === ready.epoch ? room.seq : summary.head);
        if (room) room.told(summary);
        else this.rooms.set(summary.room, new Room(summary, this.me.id));
        const kept = this.rooms.get(summary.room);
        if (kept && this.epoch !== ready.epoch) kept.seq = summary.head;
      }
      for (const name of this.rooms.keys()) if (!known.has(name)) this.gone(name);
      this.epoch = ready.epoch;
      await this.resume(known);
      this.is("online");
      void this.peers();
      if (this.open) await this.fetch(this.open);
      void this.send();
    } catch (error) {
      // The line went again; the next `ready` begins anew.
      if (!Failure.from(error).passes) this.screen.notice(Failure.from(error).message);
    }
    this.screen.changed();
  }

  /** Who of those one talks to directly is here. */
  private async peers(): Promise<void> {
    const direct = [...this.rooms.values()].filter((room) => room.summary.peer);
    const users = direct.map((room) => room.summary.peer?.name).slice(0, 100);
    if (users.length === 0) return;
    const reply = await this.request<{ present: Presence[] }>("presence:get", { users }).catch(() => ({ present: [] }));
    for (const presence of reply.present) {
      for (const room of direct) if (room.summary.peer?.id === presence.user.id) room.present.set(presence.user.id, presence);
    }
    this.screen.changed();
  }

  private async rest(next: string | undefined): Promise<RoomSummary[]> {
    const all: RoomSummary[] = [];
    for (let after = next; after; ) {
      const page: { rooms: RoomSummary[]; next?: string } = await this.request("room:list", { after });
      all.push(...page.rooms.filter((r) => r.role !== null));
      after = page.next;
    }
    return all;
  }

  private async resume(known: Map<string, number>): Promise<void> {
    let left = [...known].sort(([a], [b]) => (a < b ? -1 : 1));
    while (left.length > 0) {
      const rooms = Object.fromEntries(left);
      const reply: { rooms: Record<string, Sync>; gone: string[]; next?: string } = await this.request(
        "session:resume",
        { epoch: this.epoch, rooms },
      );
      for (const name of reply.gone) this.gone(name);
      for (const [name, sync] of Object.entries(reply.rooms)) await this.caughtUp(name, sync);
      const { next } = reply;
      left = next === undefined ? [] : left.filter(([name]) => name >= next);
    }
  }

  /** Takes what was missing; asks for the rest of it. */
  private async caughtUp(name: string, sync: Sync): Promise<void> {
    const room = this.rooms.get(name);
    if (!room) return;
    if (sync.reset) {
      room.reset(sync.head, sync.messages, sync.first);
      this.settle(room);
      return;
    }
    for (const entry of sync.entries ?? []) this.entry(room, entry, false);
    if (sync.next !== undefined) await this.repair(room);
  }

  /** Fills a hole in a room's log. */
  private async repair(room: Room): Promise<void> {
    if (this.repairing.has(room.name)) return;
    this.repairing.add(room.name);
    try {
      for (let again = true; again; ) {
        const asked = { room: room.name, after: room.seq, epoch: this.epoch };
        const sync: Sync = await this.request("room:sync", asked);
        if (sync.reset) room.reset(sync.head, sync.messages, sync.first);
        for (const entry of sync.entries ?? []) this.entry(room, entry, false);
        again = sync.next !== undefined && room.seq > asked.after;
      }
      this.settle(room);
    } catch {
      // The next hint or the next connection asks again.
    } finally {
      this.repairing.delete(room.name);
      this.screen.changed();
    }
  }

  /** What stands in the log is no draft any more. */
  private settle(room: Room): void {
    for (const message of room.messages) if (message.from.id === this.me.id) this.outbox.drop(message.client_id);
  }

  // ---- what is told

  private event(name: string, data: Record<string, unknown>): void {
    const room = this.rooms.get(String(data.room));
    if (isEntry(data)) {
      if (room) this.entry(room, data, true);
    } else {
      this.hint(name, data, room);
    }
    this.screen.changed();
  }

  private entry(room: Room, entry: Entry, live: boolean): void {
    const { applied, hole } = room.take(entry);
    for (const done of applied) {
      this.noted(room, done, live);
      if (done.event !== "message:created") this.past.forget(room.name, done.target);
    }
    if (hole && live) void this.repair(room);
  }

  private noted(room: Room, entry: Entry, live: boolean): void {
    if (entry.event !== "message:created") return;
    if (entry.from.id === this.me.id) {
      this.outbox.drop(entry.client_id ?? "");
      return;
    }
    const seen = room === this.open && this.reading;
    if (!seen && entry.text !== null && entry.seq > room.counted) {
      room.summary.unread += 1;
      if (entry.mentions?.includes(this.me.id)) room.summary.mentions += 1;
    }
    const message = room.message(entry.seq);
    if (live && room === this.open && message) this.screen.heard(message);
  }

  private hint(name: string, data: Record<string, unknown>, room: Room | undefined): void {
    const user = data.user as User | undefined;
    switch (name) {
      case "room:head":
        if (room && Number(data.head) > room.seq) void this.repair(room);
        break;
      case "room:added":
        this.added(data.room as RoomSummary);
        break;
      case "room:gone":
        this.gone(String(data.room));
        break;
      case "read:changed":
        if (room) {
          room.summary.read = Number(data.read);
          room.summary.unread = Number(data.unread);
          room.summary.mentions = Number(data.mentions);
        }
        break;
      case "member:joined":
        if (user) room?.joined({ user, role: "member" });
        break;
      case "member:left":
        if (user) room?.left(user.id);
        break;
      case "presence:changed":
        if (room && user) this.presence(room, user, data.status as Status, data.text as string | null);
        break;
      case "presence:count":
        if (room) {
          room.summary.members = Number(data.members);
          room.summary.present = Number(data.present);
        }
        break;
      case "typing:changed":
        if (room && user && user.id !== this.me.id) this.typing(room, user, data.on === true);
        break;
      case "user:changed":
        if (user) this.renamed(user);
        break;
      case "user:erased":
        for (const other of this.rooms.values()) other.erased(String(data.id));
        this.past.forget();
        break;
      case "user:blocked":
        if (user) this.blocked[data.on === true ? "add" : "delete"](user.id);
        break;
      case "server:notice":
        if (data.code === "draining") this.screen.notice("The server restarts; the page comes back by itself.");
        break;
    }
  }

  private renamed(user: User): void {
    for (const room of this.rooms.values()) room.renamed(user);
    this.past.forget();
    if (user.id === this.me.id) this.session.renamed(user);
  }

  private presence(room: Room, user: User, status: Status, text: string | null): void {
    if (status === "offline") room.present.delete(user.id);
    else room.present.set(user.id, { user, status, text });
    room.summary.present = room.present.size;
  }

  private typing(room: Room, user: User, on: boolean): void {
    if (!on) {
      room.typing.delete(user.id);
      return;
    }
    room.typing.set(user.id, { name: shown(user), until: Date.now() + TYPING });
    // The end may be lost.
    setTimeout(() => {
      const typing = room.typing.get(user.id);
      if (typing && typing.until <= Date.now()) {
        room.typing.delete(user.id);
        this.screen.changed();
      }
    }, TYPING + 50);
  }

  private added(summary: RoomSummary): Room {
    let room = this.rooms.get(summary.room);
    if (room) {
      room.told(summary);
      return room;
    }
    room = new Room(summary, this.me.id);
    this.rooms.set(summary.room, room);
    void this.resume(new Map([[summary.room, summary.head]])).catch(() => null);
    return room;
  }

  private gone(name: string): void {
    const room = this.rooms.get(name);
    if (!room) return;
    this.rooms.delete(name);
    if (this.open === room) {
      this.open = null;
      this.screen.notice(`You are no longer in ${room.title}.`);
    }
  }

  // ---- what a person does

  /** Shows a room one is in. */
  show(name: string): Room | null {
    const room = this.rooms.get(name);
    if (!room || room === this.open) return room ?? null;
    this.stopTyping();
    this.open?.trim();
    this.open = room;
    room.newFrom = room.summary.unread > 0 ? room.summary.read : Number.POSITIVE_INFINITY;
    if (this.state === "online") void this.fetch(room);
    this.screen.changed();
    return room;
  }

  /** The latest page, who is a member, who is here. */
  private async fetch(room: Room): Promise<void> {
    try {
      const asked: Promise<void>[] = [];
      if (!room.loaded) {
        asked.push(this.request<Page>("history:get", { room: room.name, limit: PAGE }).then((p) => room.latest(p)));
      }
      asked.push(this.people(room));
      await Promise.all(asked);
      this.settle(room);
    } catch (error) {
      this.failed(error);
    }
    this.screen.changed();
  }

  private async people(room: Room): Promise<void> {
    const [members, present] = await Promise.all([
      this.request<{ members: Member[] }>("member:list", { room: room.name, limit: 200 }),
      this.request<{ present: Presence[] }>("presence:get", { room: room.name }),
    ]);
    room.members = new Map(members.members.map((m) => [m.user.id, m]));
    room.present = new Map(present.present.map((p) => [p.user.id, p]));
    room.summary.present = Math.max(room.present.size, room.summary.members > 200 ? room.summary.present : 0);
  }

  /** Fails with why not. */
  async join(name: string): Promise<Room> {
    const reply = await this.request<{ room: RoomSummary; sync: Sync }>("room:join", { room: name });
    return this.added(reply.room);
  }

  /** Public rooms and one's own; fails with why not. */
  async list(query: string): Promise<{ rooms: RoomSummary[]; more: boolean }> {
    const wish = query === "" ? { limit: 50 } : { limit: 50, query };
    const page = await this.request<{ rooms: RoomSummary[]; next?: string }>("room:list", wish);
    return { rooms: page.rooms.filter((r) => r.kind !== "direct"), more: page.next !== undefined };
  }

  /** Makes somebody a member of a private room; fails with why not. */
  async invite(room: Room, user: string): Promise<void> {
    await this.request("room:invite", { room: room.name, user });
  }

  async create(name: string, kind: "public" | "private", topic: string): Promise<Room> {
    const wish = topic === "" ? { room: name, kind } : { room: name, kind, topic };
    const reply = await this.request<{ room: RoomSummary }>("room:create", wish);
    return this.added(reply.room);
  }

  async leave(room: Room): Promise<void> {
    try {
      await this.request("room:leave", { room: room.name });
      this.rooms.delete(room.name);
      if (this.open === room) this.open = null;
    } catch (error) {
      this.failed(error);
    }
    this.screen.changed();
  }

  /** Somebody is at the end of the open room and looks at it. */
  read(): void {
    const room = this.open;
    if (!room?.loaded || this.state !== "online") return;
    const { summary } = room;
    if (summary.unread === 0 && summary.read >= room.seq) return;
    if ((this.marked.get(room.name) ?? 0) >= room.seq && summary.unread === 0) return;
    this.marked.set(room.name, room.seq);
    summary.read = room.seq;
    summary.unread = 0;
    summary.mentions = 0;
    this.request("read:mark", { room: room.name, seq: room.seq }).catch(() => this.marked.delete(room.name));
    this.screen.changed();
  }

  /** Takes what was written: it is on disk before it is on its way. */
  say(text: string, replyTo: number | undefined): void {
    if (!this.open) return;
    this.typedAt = 0;
    if (!this.outbox.add(this.open.name, text, replyTo)) {
      this.screen.notice("This browser keeps nothing on disk: what is not sent is lost when the page is closed.");
    }
    this.screen.changed();
    void this.send();
  }

  retry(clientId: string): void {
    const draft = this.outbox.drafts.find((d) => d.client_id === clientId);
    if (!draft) return;
    delete draft.failed;
    draft.at = Date.now();
    this.outbox.keep(draft);
    this.screen.changed();
    void this.send();
  }

  discard(clientId: string): void {
    this.outbox.drop(clientId);
    this.screen.changed();
  }

  /** One after the other, in the order in which they were written. */
  private async send(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let draft = this.outbox.next(); draft && this.state === "online"; draft = this.outbox.next()) {
        const { room, text, client_id, reply_to } = draft;
        const wish = reply_to === undefined ? { room, text, client_id } : { room, text, client_id, reply_to };
        try {
          await this.request("message:send", wish);
          this.outbox.stored(draft);
        } catch (error) {
          const failure = Failure.from(error);
          if (failure.code === "line") {
            // Also where the server only was slow: the same `client_id` cannot be stored twice.
            await pause(1_000);
          } else if (failure.passes) {
            await pause(failure.retryAfter ?? 2_000);
          } else {
            draft.failed = failure.message;
            this.outbox.keep(draft);
          }
        }
        this.screen.changed();
      }
    } finally {
      this.sending = false;
    }
  }

  async edit(message: Message, text: string): Promise<boolean> {
    return await this.does("message:edit", { room: message.room, seq: message.seq, text });
  }

  async erase(message: Message): Promise<boolean> {
    return await this.does("message:delete", { room: message.room, seq: message.seq });
  }

  async react(message: Message, emoji: string, on: boolean): Promise<boolean> {
    return await this.does("reaction:set", { room: message.room, seq: message.seq, emoji, on });
  }

  /** Tells the others, at most every three seconds. */
  typed(empty: boolean): void {
    if (empty) {
      this.stopTyping();
    } else if (this.open && Date.now() - this.typedAt > 3_000) {
      this.typedAt = Date.now();
      this.wire.hint("typing", { room: this.open.name, on: true });
    }
  }

  private stopTyping(): void {
    if (this.typedAt !== 0 && this.open) this.wire.hint("typing", { room: this.open.name, on: false });
    this.typedAt = 0;
  }

  private async does(event: string, payload: object): Promise<boolean> {
    try {
      await this.request(event, payload);
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** Says why something was not done. */
  failed(error: unknown): void {
    const failure = Failure.from(error);
    this.screen.notice(failure.code === "line" ? "Not connected; try again in a moment." : failure.message);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
