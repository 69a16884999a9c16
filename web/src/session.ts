// The session of this tab. The access token is kept in memory alone. The refresh token is in the tab's sessionStorage:
// a reload goes on with it, closing the tab forgets it, and two tabs may be two people. A duplicated tab has a copy of
// it; since each token is good once, tabs with the same one refresh one after the other and tell each other the
// successor.

import { Failure, type ServerInfo, type Session as Told, type User } from "./types";

const KEY = "chat.session";
const BASE = "/api/v1";

interface Kept {
  refresh: string;
  user: User;
}

/** One HTTP request; fails with what the server said. */
export async function call<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const abort = AbortSignal.timeout(15_000);
  const init: RequestInit = { method, headers, signal: abort, credentials: "omit", cache: "no-store" };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await fetch(BASE + path, init).catch((error: unknown) => {
    throw Failure.from(error);
  });
  const text = await response.text().catch(() => "");
  let value: unknown = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    // What is no JSON did not come from the server itself but from something in between.
  }
  if (response.ok) return value as T;
  const error = (value as { error?: unknown } | null)?.error;
  throw error ? Failure.from(error) : new Failure("line", `the server cannot be reached (HTTP ${response.status})`);
}

/** Who may come in. */
export async function askServer(): Promise<ServerInfo> {
  return await call<ServerInfo>("GET", "/server");
}

export class Session {
  private access: { token: string; until: number } | null = null;
  private kept: Kept;
  private under: Promise<string> | null = null;
  private tabs = new BroadcastChannel("chat.session");

  private constructor(kept: Kept) {
    this.kept = kept;
    this.tabs.onmessage = (event: MessageEvent<{ spent: string; session: Told }>) => {
      if (event.data.spent === this.kept.refresh) this.take(event.data.session);
    };
  }

  /** The one this tab had before it was loaded anew. */
  static resume(): Session | null {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Kept | null;
      return kept && typeof kept.refresh === "string" && kept.user ? new Session(kept) : null;
    } catch {
      return null;
    }
  }

  static async open(how: "login" | "guest" | "register", body: Record<string, string>): Promise<Session> {
    const told = await call<Told>("POST", `/auth/${how}`, body);
    const session = new Session({ refresh: told.refresh_token, user: told.user });
    session.take(told);
    return session;
  }

  get user(): User {
    return this.kept.user;
  }

  /** An access token that is good for a while yet. */
  async token(): Promise<string> {
    if (this.access && this.access.until > Date.now()) return this.access.token;
    return await this.refresh();
  }

  /** A fresh access token. `unauthorized`: the session is over. */
  refresh(): Promise<string> {
    this.under ??= this.exchange().finally(() => {
      this.under = null;
    });
    return this.under;
  }

  /** When the access token should be replaced, in milliseconds from now. */
  get due(): number {
    return Math.max(1_000, (this.access?.until ?? 0) - Date.now());
  }

  /** One has another name. */
  renamed(user: User): void {
    this.keep({ ...this.kept, user });
  }

  /** Why the server takes this session no more, as far as it says: who is kept out is told so. */
  async why(): Promise<Failure | null> {
    if (!this.access) return null;
    return await call("GET", "/me", undefined, this.access.token).then(() => null, Failure.from);
  }

  /** Ends it here and at the server. */
  async end(): Promise<void> {
    const { refresh } = this.kept;
    this.forget();
    await call("POST", "/auth/logout", { refresh_token: refresh }).catch(() => null);
  }

  /** Ends it here. */
  forget(): void {
    this.access = null;
    sessionStorage.removeItem(KEY);
    this.tabs.close();
  }

  private async exchange(): Promise<string> {
    const before = this.kept.refresh;
    const once = async (): Promise<string> => {
      // Another tab may have been faster while this one waited.
      if (this.kept.refresh !== before && this.access) return this.access.token;
      const spent = this.kept.refresh;
      const told = await call<Told>("POST", "/auth/refresh", { refresh_token: spent });
      this.take(told);
      this.tabs.postMessage({ spent, session: told });
      return told.access_token;
    };
    // Locks are there only where the page came over TLS or from this machine.
    return navigator.locks ? await navigator.locks.request("chat.refresh", once) : await once();
  }

  private take(told: Told): void {
    const life = lifetime(told.access_token);
    // Early, so that a token is never sent that ends on its way.
    this.access = { token: told.access_token, until: Date.now() + (life > 120_000 ? life - 60_000 : life / 2) };
    this.keep({ refresh: told.refresh_token, user: told.user });
  }

  private keep(kept: Kept): void {
    this.kept = kept;
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  }
}

/** How long a token lives, in milliseconds, by its own dates: this machine's clock may be wrong, but it runs. */
function lifetime(token: string): number {
  try {
    const middle = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { exp, iat } = JSON.parse(atob(middle)) as { exp: number; iat: number };
    return Math.max((exp - iat) * 1_000, 2_000) || 600_000;
  } catch {
    return 600_000;
  }
}
