// Reading back: older and newer pages of the open room, another place in it, and what is quoted from far away.

import { type Chat, PAGE, type Screen } from "./chat";
import type { Room } from "./room";
import type { Message, Page } from "./types";

/** Messages read at once while somebody scrolls. */
const FURTHER = 100;

export class Past {
  private quotes = new Map<string, Message | null>();

  constructor(
    private chat: Chat,
    private screen: Screen,
  ) {}

  /** Older messages of the open room; false: there are none, or not now. */
  async older(): Promise<boolean> {
    const room = this.chat.open;
    const first = room?.messages[0];
    if (!room?.more || !first) return false;
    try {
      const page = await this.chat.request<Page>("history:get", { room: room.name, before: first.seq, limit: FURTHER });
      // Meanwhile another place of the log may be shown.
      if (room.messages[0]?.seq !== first.seq) return false;
      room.older(page);
    } catch (error) {
      this.chat.failed(error);
      return false;
    }
    this.screen.changed();
    return true;
  }

  /** Newer messages of the open room, where what is read is far back. */
  async younger(): Promise<void> {
    const room = this.chat.open;
    const last = room?.messages.at(-1);
    if (!room?.newer || !last) return;
    try {
      const page = await this.chat.request<Page>("history:get", { room: room.name, after: last.seq, limit: FURTHER });
      if (room.messages.at(-1)?.seq === last.seq) room.younger(page);
      this.screen.changed();
    } catch (error) {
      this.chat.failed(error);
    }
  }

  /** Puts the messages around one, or the latest, in the place of those that are shown. */
  async turn(around?: number): Promise<boolean> {
    const room = this.chat.open;
    if (!room) return false;
    try {
      const asked = { room: room.name, limit: around === undefined ? PAGE : FURTHER };
      const page = await this.chat.request<Page>("history:get", around === undefined ? asked : { ...asked, around });
      if (around === undefined) room.latest(page);
      else room.around(page);
    } catch (error) {
      this.chat.failed(error);
      return false;
    }
    this.screen.changed();
    return true;
  }

  /** A message that another one answers; `undefined` while it is being asked for. */
  quoted(room: Room, seq: number): Message | null | undefined {
    const here = room.message(seq);
    if (here) return here;
    const key = `${room.name}/${seq}`;
    if (this.quotes.has(key)) return this.quotes.get(key) ?? undefined;
    this.quotes.set(key, null);
    this.chat.request<Page>("history:get", { room: room.name, around: seq, limit: 1 }).then(
      (page) => {
        this.quotes.set(key, page.messages.find((m) => m.seq === seq) ?? null);
        this.screen.changed();
      },
      () => this.quotes.delete(key),
    );
    return undefined;
  }

  /** What is quoted of a room may not be true any more; `seq`: of one message only; nothing: of none. */
  forget(room?: string, seq?: number): void {
    if (room === undefined) this.quotes.clear();
    else if (seq !== undefined) this.quotes.delete(`${room}/${seq}`);
    else for (const key of this.quotes.keys()) if (key.startsWith(`${room}/`)) this.quotes.delete(key);
  }
}
