// The page at `/`: the door, then the chat. Puts the parts together, and says where one is (`#/room`).

import { Chat } from "./chat";
import { Composer } from "./composer";
import { fill, h, mark, say } from "./dom";
import { Empty } from "./empty";
import { Finder } from "./finder";
import { door } from "./login";
import { People } from "./people";
import type { Room } from "./room";
import { Session } from "./session";
import { Sidebar } from "./sidebar";
import { line, sentence, shown } from "./text";
import { Timeline } from "./timeline";
import { Failure, type Message, type User } from "./types";

const app = document.getElementById("app") as HTMLElement;

class Page {
  private chat: Chat;
  private sidebar: Sidebar;
  private finder: Finder;
  private timeline: Timeline;
  private composer: Composer;
  private people: People;
  private title = h("h1", { tabIndex: -1 });
  private topic = h("p", { class: "topic" });
  private toggle: HTMLButtonElement;
  private header: HTMLElement;
  private pane = h("main", { class: "pane" });
  private empty: Empty;
  private offline = h("p", { class: "lost", role: "status" });
  private note = h("p", { class: "note", role: "status" });
  private ear = h("div", { class: "unseen", role: "log", aria: { live: "polite", label: "New messages" } });
  private drawn = false;
  private waiting = false;
  private noteTimer: number | undefined;
  private stop = new AbortController();
  private shownRoom: Room | null | undefined;

  constructor(
    session: Session,
    private ended: (why: string) => void,
  ) {
    this.chat = new Chat(session, {
      changed: () => this.changed(),
      heard: (message) => this.heard(message),
      notice: (text) => this.notice(text),
      over: (why) => this.over(why),
    });
    const { chat } = this;
    this.finder = new Finder(chat, (room) => this.go(room));
    this.empty = new Empty(
      chat,
      (room) => this.go(room),
      () => this.finder.show(),
    );
    this.sidebar = new Sidebar(
      chat,
      () => this.finder.show(),
      () => void this.logOut(),
    );
    this.composer = new Composer(
      chat,
      () => this.timeline.toEnd(),
      () => this.timeline.focus(),
    );
    this.timeline = new Timeline(chat, {
      reply: (message) => this.composer.answer(message),
      edit: (message) => this.composer.change(message),
      notice: (text) => this.notice(text),
      write: () => this.composer.focus(),
    });
    this.people = new People(
      chat,
      (user) => void this.write(user),
      () => this.showPeople(false),
    );
    this.toggle = h("button", { type: "button", class: "quiet who-button", on: { click: () => this.showPeople() } });
    this.toggle.setAttribute("aria-controls", "people");
    const leave = h("button", { type: "button", class: "quiet leave", on: { click: () => void this.leave() } }, "Leave");
    const back = h("a", { class: "back", href: "#/" }, "‹ Rooms");
    this.header = h(
      "header",
      { class: "room-head" },
      back,
      h("div", { class: "room-title" }, this.title, this.topic),
      this.toggle,
      leave,
    );
    this.pane.append(this.empty.element, this.header, this.timeline.element, this.offline, this.composer.element);
    const skip = h("a", { class: "skip", href: "#write", on: { click: (e) => this.skip(e) } }, "To the message field");
    fill(app, skip, this.sidebar.element, this.pane, this.people.element, this.note, this.ear, this.finder.element);
    app.className = "chat";
    this.showPeople(matchMedia("(min-width: 1100px)").matches);
    const { signal } = this.stop;
    addEventListener("storage", (event) => chat.outbox.elsewhere(event.key) && this.changed(), { signal });
    addEventListener("hashchange", () => this.route(), { signal });
    addEventListener("focus", () => this.timeline.reading(), { signal });
    addEventListener("blur", () => this.timeline.reading(), { signal });
    document.addEventListener("visibilitychange", () => this.changed(), { signal });
    this.render();
  }

  // ---- drawing, at most once a frame

  private changed(): void {
    if (this.waiting) return;
    this.waiting = true;
    const draw = () => {
      this.waiting = false;
      if (!this.stop.signal.aborted) this.render();
    };
    // A page that nobody sees has no frames, but a title.
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw, 200);
  }

  private render(): void {
    const { chat } = this;
    if (!this.drawn && chat.state === "online") {
      this.drawn = true;
      this.route();
    }
    // Somebody let us into the room that the address names.
    const invited = chat.open === null && this.drawn ? this.wanted() : "";
    if (invited !== "" && chat.rooms.has(invited)) this.route();
    const room = chat.open;
    const welcome = this.drawn && chat.rooms.size === 0;
    app.dataset.view = room || this.wanted() !== "" ? "room" : welcome ? "welcome" : "rooms";
    for (const part of [this.header, this.timeline.element, this.composer.element]) part.hidden = room === null;
    this.people.element.hidden = room === null || this.toggle.getAttribute("aria-expanded") !== "true";
    app.dataset.people = String(!this.people.element.hidden);
    this.sidebar.render();
    this.empty.element.hidden = room !== null;
    const away = chat.state === "offline" && this.drawn;
    say(this.offline, away ? "Not connected; trying again. What you write is kept and sent then." : "");
    if (room) {
      say(this.title, room.title);
      say(this.topic, line(room.summary.topic, 300));
      const { members } = room.summary;
      const present = Math.max(room.summary.present, room.present.size);
      say(this.toggle, room.summary.kind === "direct" ? "People" : `${present} of ${members} here`);
      this.composer.render();
      this.timeline.render();
      this.people.render();
    } else {
      this.empty.render(this.wanted(), this.drawn);
    }
    if (room !== this.shownRoom) {
      this.shownRoom = room;
      if (room && matchMedia("(hover: hover)").matches) this.composer.focus();
      else if (room) this.title.focus();
    }
    this.name();
  }

  /** The window's title counts what waits. */
  private name(): void {
    const waits = [...this.chat.rooms.values()].reduce((n, r) => n + (r === this.chat.open && this.chat.reading ? 0 : r.summary.unread), 0);
    const place = this.chat.open ? line(this.chat.open.title, 40) : "Chat";
    const title = `${waits > 0 ? `(${waits > 999 ? "999+" : waits}) ` : ""}${place} · ${line(this.chat.server || "chat", 30)}`;
    if (document.title !== title) document.title = title;
  }

  private heard(message: Message): void {
    if (message.text === null || this.chat.blocked.has(message.from.id)) return;
    const said = h("p", {}, `${shown(message.from)}: ${line(message.text, 300)}`);
    this.ear.append(said);
    // Read out by then; a text that is deleted later must not stay here.
    setTimeout(() => said.remove(), 5_000);
  }

  private notice(text: string): void {
    say(this.note, sentence(text));
    this.note.classList.add("on");
    clearTimeout(this.noteTimer);
    this.noteTimer = window.setTimeout(() => {
      this.note.classList.remove("on");
      say(this.note, "");
    }, 8_000);
  }

  // ---- where one is

  private wanted(): string {
    const at = /^#\/([^/]+)$/.exec(location.hash)?.[1] ?? "";
    try {
      return decodeURIComponent(at).toLowerCase();
    } catch {
      return "";
    }
  }

  private go(room: string): void {
    if (this.wanted() === room) this.route();
    else location.hash = `#/${room}`;
  }

  private route(): void {
    const name = this.wanted();
    const room = name === "" ? null : this.chat.show(name);
    if (!room) this.chat.open = null;
    else this.remember(room.name);
    // On a wide screen there is no page that shows no room.
    if (name === "" && matchMedia("(min-width: 761px)").matches && location.hash.length < 3 && this.drawn) {
      const sorted = [...this.chat.rooms.values()].sort((a, b) => (a.title < b.title ? -1 : 1));
      const first = this.chat.rooms.get(this.remembered() ?? "") ?? sorted[0];
      if (first) history.replaceState(null, "", `#/${first.name}`);
      if (first) this.chat.show(first.name);
    }
    this.changed();
  }

  /** Where one was last, for the next visit of an account. */
  private remember(room: string): void {
    if (this.chat.me.kind === "guest") return;
    try {
      localStorage.setItem(`chat.room.${this.chat.me.id}`, room);
    } catch {
      // Then the next visit begins with the first room.
    }
  }

  private remembered(): string | null {
    return localStorage.getItem(`chat.room.${this.chat.me.id}`);
  }

  private skip(event: Event): void {
    event.preventDefault();
    if (this.chat.open) this.composer.focus();
  }

  private showPeople(on = this.toggle.getAttribute("aria-expanded") !== "true"): void {
    mark(this.toggle, "aria-expanded", String(on));
    const inside = this.people.element.contains(document.activeElement);
    this.changed();
    if (!on && inside) this.toggle.focus();
  }

  // ---- what is done

  private async write(user: User): Promise<void> {
    const room = await this.chat.join(`@${user.name}`).catch((error: unknown) => {
      this.notice(Failure.from(error).message);
      return null;
    });
    if (!room) return;
    if (matchMedia("(max-width: 1099px)").matches) this.showPeople(false);
    this.go(room.name);
  }

  private async leave(): Promise<void> {
    const { open } = this.chat;
    if (!open || !confirm(`Leave ${open.title}?`)) return;
    await this.chat.leave(open);
    location.hash = "#/";
  }

  private async logOut(): Promise<void> {
    const waiting = this.chat.outbox.drafts.filter((d) => !d.sent).length;
    if (waiting > 0 && !confirm("Something you wrote is not sent yet. Log out all the same?")) return;
    this.end();
    await this.chat.session.end();
    location.hash = "";
    this.ended("");
  }

  private over(why: string): void {
    this.end();
    this.chat.session.forget();
    this.ended(why);
  }

  private end(): void {
    this.stop.abort();
    this.chat.close();
    clearTimeout(this.noteTimer);
  }
}

async function begin(why = ""): Promise<void> {
  const invite = /^#\/invite\/(.+)$/.exec(location.hash)?.[1];
  let session = invite ? null : Session.resume();
  if (!session) {
    app.className = "";
    session = await door(app, why, invite ? decodeURIComponent(invite) : "");
    if (invite) location.hash = "";
  }
  new Page(session, (reason) => void begin(reason));
}

void begin();
