// The list of rooms, and the dialog to find or make one.

import type { Chat } from "./chat";
import { fill, h, List, mark, say } from "./dom";
import type { Room } from "./room";
import { line } from "./text";
import { Failure, type RoomSummary } from "./types";

/** What a row of the list shows. */
interface Row {
  name: string;
  title: string;
  unread: number;
  mentions: number;
  current: boolean;
  here: boolean;
}

const same = (a: Row, b: Row): boolean =>
  a.title === b.title && a.unread === b.unread && a.mentions === b.mentions && a.current === b.current && a.here === b.here;

export class Sidebar {
  private list = h("ul", { class: "rooms" });
  private people = h("ul", { class: "rooms" });
  private who = h("bdi", { class: "who" });
  private state = h("span", { class: "state" });
  private none = h("p", { class: "hint none" }, "No rooms yet. Find one below.");
  private directs = h("h2", {}, "Direct");
  readonly element: HTMLElement;
  private rows = new List<Row>(this.list, row, same);
  private talks = new List<Row>(this.people, row, same);

  constructor(
    private chat: Chat,
    find: () => void,
    end: () => void,
  ) {
    this.element = h(
      "nav",
      { class: "sidebar", aria: { label: "Rooms" } },
      h("div", { class: "sidebar-scroll" }, h("h2", {}, "Rooms"), this.none, this.list, this.directs, this.people),
      h("button", { type: "button", class: "find", on: { click: find } }, "Find or make a room"),
      h(
        "div",
        { class: "self" },
        h("div", { class: "self-text" }, this.who, this.state),
        h("button", { type: "button", class: "quiet", on: { click: end } }, "Log out"),
      ),
    );
  }

  render(): void {
    const { chat } = this;
    const rooms = [...chat.rooms.values()].sort((a, b) => (a.title < b.title ? -1 : 1));
    const direct = rooms.filter((r) => r.summary.kind === "direct");
    const named = rooms.filter((r) => r.summary.kind !== "direct");
    this.rows.show(named.map((r) => ({ key: r.name, value: this.row(r) })));
    this.talks.show(direct.map((r) => ({ key: r.name, value: this.row(r) })));
    this.directs.hidden = direct.length === 0;
    this.none.hidden = rooms.length > 0 || chat.state !== "online";
    say(this.who, line(chat.me.name, 40));
    say(this.state, chat.state === "online" ? "connected" : chat.state === "offline" ? "not connected" : "connecting");
    mark(this.state, "data-state", chat.state);
  }

  private row(room: Room): Row {
    const { unread, mentions, peer } = room.summary;
    const here = peer !== undefined && room.present.has(peer.id);
    return { name: room.name, title: line(room.title, 60), unread, mentions, current: room === this.chat.open, here };
  }
}

function row(value: Row): HTMLElement {
  const said = value.mentions > 0 ? `, ${value.mentions} for you` : "";
  const count = value.unread >= 1_000 ? "999+" : String(value.unread);
  const badge =
    value.unread > 0
      ? h(
          "span",
          { class: value.mentions > 0 ? "badge loud" : "badge" },
          h("span", { aria: { hidden: "true" } }, count),
          h("span", { class: "unseen" }, `${count} unread${said}`),
        )
      : null;
  const link = h("a", { href: `#/${value.name}` }, h("bdi", { class: "room-name" }, value.title), badge);
  if (value.current) link.setAttribute("aria-current", "page");
  return h("li", {}, link);
}

/** Finding public rooms, and making one. */
export class Finder {
  private query = h("input", { type: "search", id: "find-query", autocomplete: "off", placeholder: "Part of a name or topic" });
  private found = h("ul", { class: "found" });
  private status = h("p", { class: "hint", role: "status" });
  private name = h("input", { type: "text", id: "make-name", autocomplete: "off", maxLength: 64, spellcheck: false });
  private topic = h("input", { type: "text", id: "make-topic", autocomplete: "off", maxLength: 500 });
  private hidden = h("input", { type: "checkbox", id: "make-private" });
  private wrong = h("p", { class: "wrong", role: "status" });
  readonly element: HTMLDialogElement;
  private asked = 0;

  constructor(
    private chat: Chat,
    private go: (room: string) => void,
  ) {
    const make = h(
      "form",
      { class: "make", on: { submit: (e) => void this.make(e) } },
      h("h3", {}, "Make a room"),
      h("div", { class: "field" }, h("label", { htmlFor: "make-name" }, "Name"), this.name),
      h("div", { class: "field" }, h("label", { htmlFor: "make-topic" }, "Topic"), this.topic),
      h("label", { class: "check" }, this.hidden, "Private: only who is invited"),
      h("button", { type: "submit", class: "primary" }, "Make room"),
      this.wrong,
    );
    this.query.addEventListener("input", () => void this.search());
    this.element = h(
      "dialog",
      { class: "finder", aria: { labelledby: "find-title" } },
      h(
        "div",
        { class: "dialog-head" },
        h("h2", { id: "find-title" }, "Rooms"),
        h("button", { type: "button", class: "quiet", on: { click: () => this.element.close() } }, "Close"),
      ),
      h("div", { class: "field" }, h("label", { htmlFor: "find-query" }, "Find"), this.query),
      this.status,
      this.found,
      make,
    );
  }

  show(): void {
    this.query.value = "";
    say(this.wrong, "");
    this.element.showModal();
    this.query.focus();
    void this.search();
  }

  private async search(): Promise<void> {
    this.asked += 1;
    const { asked } = this;
    const query = this.query.value.trim();
    try {
      const wish = query === "" ? { limit: 50 } : { limit: 50, query };
      const page = await this.chat.request<{ rooms: RoomSummary[]; next?: string }>("room:list", wish);
      // An answer to an earlier question may come later.
      if (asked !== this.asked) return;
      const rooms = page.rooms.filter((r) => r.kind !== "direct");
      fill(this.found, ...rooms.map((r) => this.offer(r)));
      say(this.status, rooms.length === 0 ? "Nothing found." : page.next ? "The first 50; a part of the name finds more." : "");
    } catch (error) {
      say(this.status, Failure.from(error).message);
    }
  }

  private offer(room: RoomSummary): HTMLElement {
    const inside = this.chat.rooms.has(room.room);
    const button = h(
      "button",
      {
        type: "button",
        on: {
          click: async () => {
            if (inside || (await this.chat.join(room.room))) {
              this.element.close();
              this.go(room.room);
            } else {
              this.element.close();
            }
          },
        },
      },
      inside ? "Open" : "Join",
      h("span", { class: "unseen" }, ` #${room.room}`),
    );
    const topic = room.topic === "" ? "" : ` · ${line(room.topic, 80)}`;
    const members = room.members === 1 ? "1 member" : `${room.members} members`;
    return h(
      "li",
      {},
      h("div", {}, h("strong", {}, `#${room.room}`), h("p", { class: "hint" }, `${members}${topic}`)),
      button,
    );
  }

  private async make(event: Event): Promise<void> {
    event.preventDefault();
    const name = this.name.value.trim().replace(/^#/, "").toLowerCase();
    try {
      const room = await this.chat.create(name, this.hidden.checked ? "private" : "public", this.topic.value.trim());
      this.name.value = "";
      this.topic.value = "";
      this.element.close();
      this.go(room.name);
    } catch (error) {
      say(this.wrong, Failure.from(error).message);
      this.name.focus();
    }
  }
}
