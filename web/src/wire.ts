// The line to the server: the official Socket.IO client on `/chat`, requests with their replies, and coming back.
// What is said over it is the chat's; this file knows when it holds, when it is lost, and when it is over.

import { io, type Socket } from "socket.io-client";
import { id } from "./outbox";
import type { Session } from "./session";
import { type Entry, Failure, type Ready } from "./types";

export type LineState = "connecting" | "online" | "offline";

export interface Listener {
  ready(ready: Ready): void;
  state(state: LineState): void;
  event(name: string, data: Record<string, unknown>): void;
  /** The session is over, or this user is kept out; nothing is tried any more. */
  over(why: string): void;
}

/** Every request is answered within 8 s (section 3); after this the line is as good as lost. */
const PATIENCE = 10_000;
/** A machine that slept asks whether its line still holds; a server answers `ping` at once. */
const PROOF = 5_000;

export class Wire {
  private socket: Socket;
  private timer: number | undefined;
  private refused = 0;

  constructor(
    private session: Session,
    private listener: Listener,
  ) {
    this.socket = io("/chat", {
      // A token of its own for each connect; one that cannot be had ends the attempt, and the next one asks again.
      auth: (give) => {
        session.token().then(
          (token) => give({ token }),
          (error: unknown) => this.lost(Failure.from(error)),
        );
      },
      // A balancer keeps a client at one node by this, which polling needs.
      query: { k: id() },
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 8_000,
      timeout: 10_000,
      forceNew: true,
    });
    this.socket.on("connect_error", (error) => this.refusedWith(error.message));
    this.socket.on("disconnect", (reason) => {
      clearTimeout(this.timer);
      this.listener.state("offline");
      // The server's own goodbye: the token is not good any more. A fresh one tells whether the session is.
      if (reason === "io server disconnect") void this.again();
    });
    this.socket.onAny((name: string, data: Record<string, unknown>) => {
      if (name === "ready") {
        this.refused = 0;
        this.listener.ready(data as unknown as Ready);
        this.refreshLater();
      } else if (data && typeof data === "object") {
        this.listener.event(name, data);
      }
    });
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
  }

  /** Asks and waits for the reply; fails with what the server said, or `line` when there was none. */
  async request<T>(event: string, payload: object): Promise<T> {
    if (!this.socket.connected) throw new Failure("line", "not connected");
    let reply: { ok: boolean; error?: unknown };
    try {
      reply = await this.socket.timeout(PATIENCE).emitWithAck(event, payload);
    } catch {
      throw new Failure("line", "no answer; the line may be lost");
    }
    if (!reply.ok) throw Failure.from(reply.error);
    return reply as T;
  }

  /** Without waiting and without minding whether it arrives. */
  hint(event: string, payload: object): void {
    if (this.socket.connected) this.socket.volatile.emit(event, payload);
  }

  close(): void {
    clearTimeout(this.timer);
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    this.socket.offAny();
    this.socket.off();
    this.socket.disconnect();
  }

  /** The machine woke, or somebody looks: not after the pause that was begun for nobody, nor over a line that is dead. */
  private hurry = (): void => {
    if (document.visibilityState !== "visible" || !navigator.onLine || this.refused > 0) return;
    const { socket } = this;
    if (!socket.connected) {
      socket.disconnect().connect();
      return;
    }
    const asked = socket.id;
    socket.timeout(PROOF).emitWithAck("ping", {}).catch(() => {
      if (socket.connected && socket.id === asked) socket.disconnect().connect();
    });
  };

  private refusedWith(message: string): void {
    this.listener.state("offline");
    const code = /^([a-z_]+): /.exec(message)?.[1];
    if (code === "unauthorized" && this.refused < 2) {
      this.refused += 1;
      void this.again();
    } else if (code === "unauthorized" || code === "banned" || code === "forbidden") {
      this.over(message.slice(code.length + 2));
    } else if (!this.socket.active) {
      // Refused for now (`rate_limited`): the library does not come back by itself.
      this.timer = window.setTimeout(() => this.socket.connect(), 3_000);
    }
  }

  private async again(): Promise<void> {
    try {
      await this.session.refresh();
      this.socket.connect();
    } catch (error) {
      this.lost(Failure.from(error));
    }
  }

  /** No token was to be had: the session is over, or it is the network. */
  private lost(failure: Failure): void {
    if (failure.passes) {
      this.socket.disconnect();
      this.listener.state("offline");
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.socket.connect(), failure.retryAfter ?? 3_000);
    } else if (failure.code === "unauthorized") {
      void this.session.why().then((why) => {
        this.over(why?.code === "banned" ? why.message : "your session has ended; log in again");
      });
    } else {
      this.over(failure.message);
    }
  }

  private over(why: string): void {
    this.close();
    this.listener.over(why);
  }

  /** Before the token ends, the socket gets a fresh one. */
  private refreshLater(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(async () => {
      try {
        const token = await this.session.refresh();
        await this.request("session:refresh", { token });
        this.refreshLater();
      } catch (error) {
        const failure = Failure.from(error);
        if (failure.code === "unauthorized") this.lost(failure);
        else this.timer = window.setTimeout(() => this.refreshLater(), 5_000);
      }
    }, this.session.due);
  }
}

/** Whether an event has a place in a room's log, whatever it says. */
export function isEntry(data: Record<string, unknown>): data is Entry & Record<string, unknown> {
  return typeof data.seq === "number" && typeof data.room === "string" && typeof data.at === "string";
}
