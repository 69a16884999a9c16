// What was written and is not yet known to be stored, on disk under its `client_id`: neither a reload nor a lost line
// loses it, and the server stores it once however often it is sent. An account finds it again after its next login
// (localStorage); a guest is nobody else's next time, so its texts go with the tab (sessionStorage).

import type { User } from "./types";

/** What was written. */
export interface Draft {
  client_id: string;
  room: string;
  text: string;
  reply_to?: number;
  /** Milliseconds since 1970. */
  at: number;
  /** Why it was not taken; it waits for a person. */
  failed?: string;
  /** The server has it; its entry is on the way. */
  sent?: boolean;
}

/** After this a text is not sent without being asked: its moment may have gone. */
const STALE = 3_600_000;

export class Outbox {
  private prefix: string;
  private storage: Storage;
  drafts: Draft[] = [];

  constructor(user: User) {
    this.storage = user.kind === "guest" ? sessionStorage : localStorage;
    this.prefix = `chat.outbox.${user.id}.`;
    for (let i = 0; i < this.storage.length; i++) {
      const key = this.storage.key(i);
      if (!key?.startsWith(this.prefix)) continue;
      try {
        const draft = JSON.parse(this.storage.getItem(key) ?? "") as Draft;
        if (Date.now() - draft.at > STALE) draft.failed ??= "written a while ago and not sent";
        this.drafts.push(draft);
      } catch {
        // Not ours.
      }
    }
    this.drafts.sort((a, b) => a.at - b.at);
  }

  /** Another tab of the same account knows that this one is stored, or not wanted: its key in the storage is gone. */
  elsewhere(key: string | null): boolean {
    if (!key?.startsWith(this.prefix)) return false;
    const before = this.drafts.length;
    this.drafts = this.drafts.filter((d) => d.sent || this.prefix + d.client_id !== key);
    return this.drafts.length !== before;
  }

  /** Writes it down; false: the disk takes no more, it is kept in memory only. */
  add(room: string, text: string, replyTo: number | undefined): boolean {
    const last = this.drafts.at(-1)?.at ?? 0;
    const draft: Draft = { client_id: id(), room, text, at: Math.max(Date.now(), last + 1) };
    if (replyTo !== undefined) draft.reply_to = replyTo;
    this.drafts.push(draft);
    return this.keep(draft);
  }

  keep(draft: Draft): boolean {
    try {
      this.storage.setItem(this.prefix + draft.client_id, JSON.stringify(draft));
      return true;
    } catch {
      return false;
    }
  }

  /** The server has it. It stays on the screen until its entry is there. */
  stored(draft: Draft): void {
    draft.sent = true;
    this.storage.removeItem(this.prefix + draft.client_id);
  }

  /** It is in the log, or nobody wants it any more. */
  drop(clientId: string): void {
    this.storage.removeItem(this.prefix + clientId);
    this.drafts = this.drafts.filter((d) => d.client_id !== clientId);
  }

  /** The next one to send. */
  next(): Draft | undefined {
    return this.drafts.find((d) => !d.sent && d.failed === undefined);
  }

  of(room: string): Draft[] {
    return this.drafts.filter((d) => d.room === room);
  }
}

/** A key of 128 random bits; `crypto.randomUUID` is not there where a page came without TLS. */
export function id(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
