// One room as far as it is known here, pure: entries are applied in the order of `seq`, each once; what is missing is
// said, and who asks for it is the chat (`docs/protocol.md`, sections 6 and 7).

import { shown } from "./text";
import type { Entry, Member, Message, Page, Presence, RoomSummary, User } from "./types";

/** Entries kept to be applied again onto a page that was read a moment earlier. */
const RECENT = 300;
/** Entries held while a hole is being filled; beyond, the oldest go and are asked for. */
const HELD = 500;
/** Messages kept while somebody reads at the end. */
const KEPT = 400;
/** Messages kept at all: who reads far back lets go of the newest, who comes down again of the oldest. */
const MOST = 600;

export class Room {
  /** The last entry applied without a hole before it. */
  seq: number;
  /** Ascending, without a hole between the first and the last. */
  messages: Message[] = [];
  /** There are older ones. */
  more = true;
  /** There are newer ones than the last: what is read is far back. */
  newer = false;
  /** The latest page was read. */
  loaded = false;
  members = new Map<string, Member>();
  present = new Map<string, Presence>();
  typing = new Map<string, { name: string; until: number }>();
  /** Messages above this are new to the reader; fixed while the room is open. */
  newFrom: number;
  /** The counts of unread messages, as they were told, go up to this entry. */
  counted: number;
  private recent: Entry[] = [];
  private held = new Map<number, Entry>();

  constructor(
    public summary: RoomSummary,
    private me: string,
  ) {
    this.seq = summary.head;
    this.newFrom = summary.read;
    this.counted = summary.head;
  }

  /** The room as the server sees it now. */
  told(summary: RoomSummary): void {
    this.summary = summary;
    this.counted = summary.head;
  }

  get name(): string {
    return this.summary.room;
  }

  /** How it is called: a direct conversation by the other one. */
  get title(): string {
    const { peer, room } = this.summary;
    return peer ? shown(peer) : `#${room}`;
  }

  /** Takes a live entry: `applied` are those that came into order, `hole`: something is missing before it. */
  take(entry: Entry): { applied: Entry[]; hole: boolean } {
    if (entry.seq <= this.seq) return { applied: [], hole: false };
    this.held.set(entry.seq, entry);
    if (this.held.size > HELD) this.held.delete(Math.min(...this.held.keys()));
    const applied: Entry[] = [];
    for (let next = this.held.get(this.seq + 1); next; next = this.held.get(this.seq + 1)) {
      this.held.delete(next.seq);
      this.apply(next);
      applied.push(next);
    }
    return { applied, hole: this.held.size > 0 };
  }

  /** The room anew: its number, and the latest page if there is one. */
  reset(head: number, messages: Message[] | undefined, first: number): void {
    this.seq = head;
    this.recent = [];
    for (const seq of this.held.keys()) if (seq <= head) this.held.delete(seq);
    this.messages = messages ?? [];
    this.loaded = messages !== undefined;
    this.newer = false;
    this.more = (this.messages[0]?.seq ?? first) > first;
  }

  /** The latest page; what came since then is applied onto it. */
  latest(page: Page): void {
    this.messages = page.messages;
    this.more = page.has_more;
    this.newer = false;
    this.loaded = true;
    for (const entry of this.recent) this.fold(entry);
  }

  /** A page from somewhere in the middle, in the place of what was there. */
  around(page: Page): void {
    this.messages = page.messages;
    this.more = page.has_more;
    // Whether the rest of the log holds messages, the next page tells.
    this.newer = (page.messages.at(-1)?.seq ?? 0) < page.head;
    this.loaded = true;
    for (const entry of this.recent) this.fold(entry);
  }

  /** A page of older ones. */
  older(page: Page): void {
    const oldest = this.messages[0]?.seq ?? Number.POSITIVE_INFINITY;
    this.messages = [...page.messages.filter((m) => m.seq < oldest), ...this.messages];
    this.more = page.has_more;
    if (this.messages.length > MOST) {
      this.messages = this.messages.slice(0, MOST);
      this.newer = true;
    }
    for (const entry of this.recent) this.fold(entry);
  }

  /** A page of newer ones, for who comes down again. */
  younger(page: Page): void {
    const newest = this.messages.at(-1)?.seq ?? 0;
    this.messages = [...this.messages, ...page.messages.filter((m) => m.seq > newest)];
    this.newer = page.has_more;
    if (this.messages.length > MOST) {
      this.messages = this.messages.slice(-MOST);
      this.more = true;
    }
    for (const entry of this.recent) this.fold(entry);
  }

  /** Lets go of what is far above, while the end is being read. */
  trim(): void {
    if (this.messages.length <= KEPT * 1.5) return;
    this.messages = this.messages.slice(-KEPT);
    this.more = true;
  }

  message(seq: number): Message | undefined {
    return this.messages.find((m) => m.seq === seq);
  }

  private apply(entry: Entry): void {
    this.seq = entry.seq;
    this.summary.head = Math.max(this.summary.head, entry.seq);
    this.recent.push(entry);
    if (this.recent.length > RECENT) this.recent.shift();
    this.fold(entry);
    if (entry.event === "message:created") this.typing.delete(entry.from.id);
    if (entry.event === "room:updated") {
      if (entry.topic !== undefined) this.summary.topic = entry.topic;
      if (entry.kind !== undefined) this.summary.kind = entry.kind;
    }
    const { user } = entry;
    if (typeof user !== "object") return;
    if (entry.event === "member:removed") this.left(user.id);
    if (entry.event === "member:updated") this.updated(entry, user.id);
  }

  private updated(entry: Entry, user: string): void {
    const member = this.members.get(user);
    if (member && entry.role) this.members.set(user, { ...member, role: entry.role });
    if (user !== this.me) return;
    if (entry.role) this.summary.role = entry.role;
    if (entry.muted_until) this.summary.muted_until = entry.muted_until;
  }

  /** Somebody has another name. */
  renamed(user: User): void {
    const member = this.members.get(user.id);
    if (member) this.members.set(user.id, { ...member, user });
    const presence = this.present.get(user.id);
    if (presence) this.present.set(user.id, { ...presence, user });
    if (this.summary.peer?.id === user.id) this.summary.peer = user;
    this.messages = this.messages.map((m) => (m.from.id === user.id ? { ...m, from: user } : m));
  }

  /** Somebody is no user any more; what was said stays, as far as it was not deleted, by nobody. */
  erased(user: string): void {
    this.left(user);
    const nobody = (from: User): User => ({ ...from, name: "erased", display_name: "" });
    this.messages = this.messages.map((m) => (m.from.id === user ? { ...m, from: nobody(m.from) } : m));
    const { peer } = this.summary;
    if (peer?.id === user) this.summary.peer = nobody(peer);
  }

  /** Takes the texts of all messages up to one, of one user or of all: they are deleted for good. */
  blank(through: number, user: string | undefined, rev: number): void {
    const meant = (m: Message) => m.seq <= through && m.rev < rev && (user === undefined || m.from.id === user);
    this.messages = this.messages.map((m) => (meant(m) ? blanked(m, rev) : m));
    // Nor are they kept to be applied again.
    for (const [i, entry] of this.recent.entries()) {
      if (entry.seq > through || entry.text === undefined || (user !== undefined && entry.from.id !== user)) continue;
      this.recent[i] = { ...entry, text: null };
    }
  }

  /** Somebody is no member any more. */
  left(user: string): void {
    if (this.members.delete(user)) this.summary.members = Math.max(0, this.summary.members - 1);
    this.present.delete(user);
    this.typing.delete(user);
  }

  /** Somebody became a member. */
  joined(member: Member): void {
    if (!this.members.has(member.user.id)) this.summary.members += 1;
    this.members.set(member.user.id, member);
  }

  /** Folds an entry into the messages; what is in already stays as it is. */
  private fold(entry: Entry): void {
    if (!this.loaded) return;
    if (entry.event === "message:created") {
      const next = !this.newer && entry.seq > (this.messages.at(-1)?.seq ?? 0);
      if (next) this.messages = [...this.messages, created(entry)];
      return;
    }
    if (entry.event === "message:blanked") {
      this.blank(entry.through ?? 0, typeof entry.user === "string" ? entry.user : undefined, entry.seq);
      return;
    }
    const at = this.messages.findIndex((m) => m.seq === entry.target);
    const message = this.messages[at];
    if (!message || message.rev >= entry.seq) return;
    const changed = folded(message, entry, this.me);
    this.messages = this.messages.with(at, changed);
  }
}

function created(entry: Entry): Message {
  return {
    room: entry.room,
    seq: entry.seq,
    rev: entry.seq,
    at: entry.at,
    from: entry.from,
    text: entry.text ?? null,
    client_id: entry.client_id ?? "",
    ...(entry.reply_to === undefined ? {} : { reply_to: entry.reply_to }),
    mentions: entry.mentions ?? [],
    // A text that a later entry took away comes with that entry, which says whether it was changed or deleted.
    deleted: false,
    reactions: [],
  };
}

function blanked(message: Message, rev: number): Message {
  return { ...message, rev, text: null, deleted: true, reactions: [] };
}

/** A message with one more entry in it. */
function folded(message: Message, entry: Entry, me: string): Message {
  const rev = entry.seq;
  switch (entry.event) {
    case "message:edited":
      return { ...message, rev, text: entry.text ?? message.text, edited_at: entry.at };
    case "message:deleted":
      return blanked(message, rev);
    case "reaction:changed": {
      const { emoji = "", on = false } = entry;
      const mine = entry.from.id === me;
      const known = message.reactions.find((r) => r.emoji === emoji);
      const count = (known?.count ?? 0) + (on ? 1 : -1);
      const now = { emoji, count, me: mine ? on : (known?.me ?? false) };
      const rest = message.reactions.map((r) => (r.emoji === emoji ? now : r));
      return { ...message, rev, reactions: (known ? rest : [...rest, now]).filter((r) => r.count > 0) };
    }
    default:
      return { ...message, rev };
  }
}
