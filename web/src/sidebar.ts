// The list of rooms one is in, and who one is.

import type { Chat } from "./chat";
import { h, List, mark, say } from "./dom";
import type { Room } from "./room";
import { line } from "./text";

/** What a row of the list shows. */
interface Row {
  name: string;
  title: string;
  unread: number;
  mentions: number;
  current: boolean;
  /** Whether the other one of a direct conversation is here; of a room: null. */
  here: boolean | null;
}

const same = (a: Row, b: Row): boolean =>
  a.title === b.title && a.unread === b.unread && a.mentions === b.mentions && a.current === b.current && a.here === b.here;

export class Sidebar {
  private list = h("ul", { class: "rooms" });
  private people = h("ul", { class: "rooms" });
  private who = h("bdi", { class: "who" });
  private state = h("span", { class: "state" });
  private none = h("p", { class: "hint none" }, "You are in no room yet.");
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
    const here = peer === undefined ? null : room.present.has(peer.id);
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
  const dot = value.here === null ? null : h("span", { class: "dot", aria: { hidden: "true" } });
  const there = value.here === null ? null : h("span", { class: "unseen" }, value.here ? ", here" : ", not here");
  const link = h("a", { href: `#/${value.name}` }, dot, h("bdi", { class: "room-name" }, value.title), there, badge);
  if (value.here) link.className = "online";
  if (value.current) link.setAttribute("aria-current", "page");
  return h("li", {}, link);
}
