// The wire contract as far as this page uses it (`docs/protocol.md`).

export interface User {
  id: string;
  name: string;
  display_name: string;
  kind: "user" | "guest" | "bot";
}

export interface Message {
  room: string;
  seq: number;
  rev: number;
  at: string;
  from: User;
  text: string | null;
  client_id: string;
  reply_to?: number;
  mentions: string[];
  edited_at?: string;
  deleted: boolean;
  reactions: Reaction[];
}

export interface Reaction {
  emoji: string;
  count: number;
  me: boolean;
}

export interface RoomSummary {
  room: string;
  kind: "public" | "private" | "direct";
  peer?: User;
  topic: string;
  role: "owner" | "moderator" | "member" | null;
  first: number;
  head: number;
  read: number;
  unread: number;
  mentions: number;
  members: number;
  present: number;
  muted_until?: string;
}

export interface Entry {
  event: string;
  room: string;
  seq: number;
  at: string;
  from: User;
  text?: string | null;
  client_id?: string;
  reply_to?: number;
  mentions?: string[];
  superseded_by?: number;
  target?: number;
  emoji?: string;
  on?: boolean;
  topic?: string;
  kind?: RoomSummary["kind"];
  /** A member; of `message:blanked` the id of whom it is about. */
  user?: User | string;
  through?: number;
  role?: "owner" | "moderator" | "member";
  muted_until?: string;
}

export interface Sync {
  epoch: string;
  first: number;
  head: number;
  reset: boolean;
  entries?: Entry[];
  messages?: Message[];
  next?: number;
}

export interface Page {
  messages: Message[];
  first: number;
  head: number;
  has_more: boolean;
}

export interface Member {
  user: User;
  role: "owner" | "moderator" | "member";
  muted_until?: string;
}

export type Status = "online" | "away" | "dnd" | "offline";

export interface Presence {
  user: User;
  status: Status;
  text: string | null;
}

export interface Ready {
  protocol: number;
  server: { name: string; version: string; node: string };
  epoch: string;
  user: User;
  role: "user" | "admin";
  limits: { text_bytes: number };
  expires_at: string | null;
  rooms: RoomSummary[];
  next?: string;
  blocked?: string[];
}

export interface Session {
  access_token: string;
  expires_at: string;
  refresh_token: string;
  user: User;
}

/** `GET /api/v1/server`: who may come in, for the one who asks. */
export interface ServerInfo {
  version: string;
  guests: boolean;
  registration: "open" | "invite" | "closed";
}

/** A failure, as the server told it or as the line ended it. */
export class Failure extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly retryAfter?: number,
    readonly field?: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later; a message keeps its `client_id`, so it is stored once. */
  get passes(): boolean {
    return ["unavailable", "internal", "rate_limited", "line"].includes(this.code);
  }

  static from(error: unknown): Failure {
    if (error instanceof Failure) return error;
    const told = error as { code?: string; message?: string; retry_after_ms?: number; field?: string } | null;
    if (told && typeof told.code === "string" && typeof told.message === "string") {
      return new Failure(told.code, told.message, told.retry_after_ms, told.field);
    }
    return new Failure("line", "the server cannot be reached");
  }
}
