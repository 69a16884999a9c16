// Who is in the open room, and who of them is here.

import type { Chat } from "./chat";
import { h, List, mark, say } from "./dom";
import { line, named, sentence, shown } from "./text";
import { Failure, type User } from "./types";

interface Row {
  user: User;
  status: string;
  text: string;
  role: string;
  me: boolean;
}

const same = (a: Row, b: Row): boolean =>
  a.user.display_name === b.user.display_name && a.user.name === b.user.name && a.status === b.status && a.text === b.text && a.role === b.role;

const ORDER = ["online", "away", "dnd", "offline"];
const WORDS: Record<string, string> = { online: "here", away: "away", dnd: "do not disturb", offline: "not here" };

export class People {
  private list = h("ul", { class: "people-list" });
  private more = h("p", { class: "hint" });
  private rows: List<Row>;
  private guestName = h("input", { id: "invite-name", type: "text", autocomplete: "off", maxLength: 33, spellcheck: false });
  private told = h("p", { class: "hint", role: "status" });
  private invite: HTMLFormElement;
  readonly element: HTMLElement;

  constructor(
    private chat: Chat,
    write: (user: User) => void,
    close: () => void,
  ) {
    this.rows = new List<Row>(this.list, (value) => draw(value, write), same);
    this.guestName.setAttribute("autocapitalize", "none");
    this.invite = h(
      "form",
      { class: "invite", hidden: true, on: { submit: (event) => void this.add(event) } },
      h("label", { htmlFor: "invite-name" }, "Invite by name"),
      h("div", { class: "invite-row" }, this.guestName, h("button", { type: "submit" }, "Invite")),
      this.told,
    );
    this.element = h(
      "aside",
      { class: "people", id: "people", aria: { label: "People in this room" } },
      h(
        "div",
        { class: "people-head" },
        h("h2", {}, "People"),
        h("button", { type: "button", class: "quiet close-people", on: { click: close } }, "Close"),
      ),
      this.list,
      this.more,
      this.invite,
    );
  }

  /** Makes somebody a member of the private room that is shown. */
  private async add(event: Event): Promise<void> {
    event.preventDefault();
    const name = this.guestName.value.trim().replace(/^@/, "").toLowerCase();
    const room = this.chat.open;
    if (!room || name === "") return;
    try {
      await this.chat.invite(room, name);
      this.guestName.value = "";
      say(this.told, `${line(name, 40)} is in.`);
    } catch (error) {
      const failure = Failure.from(error);
      say(this.told, failure.code === "not_found" ? `There is nobody called ${line(name, 40)}.` : sentence(failure.message));
    }
    this.guestName.focus();
  }

  render(): void {
    const room = this.chat.open;
    if (!room) return;
    const users = new Map([...room.members.values()].map((m) => [m.user.id, m.user]));
    for (const p of room.present.values()) users.set(p.user.id, p.user);
    const rows = [...users.values()].map((user): Row => {
      const presence = room.present.get(user.id);
      const role = room.members.get(user.id)?.role ?? "member";
      const status = presence?.status ?? "offline";
      return { user, status, text: line(presence?.text ?? "", 60), role, me: user.id === this.chat.me.id };
    });
    rows.sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || (a.user.name < b.user.name ? -1 : 1));
    this.rows.show(rows.map((value) => ({ key: value.user.id, value })));
    const { kind, role: mine } = room.summary;
    const may = kind === "private" && (mine === "owner" || mine === "moderator");
    if (this.invite.hidden === may) say(this.told, "");
    this.invite.hidden = !may;
    const rest = room.summary.members - rows.length;
    say(this.more, rest > 0 ? `and ${rest} more` : "");
    mark(this.element, "aria-label", `People in ${room.title}`);
  }
}

function draw(value: Row, write: (user: User) => void): HTMLElement {
  const { user, status, text, role, me } = value;
  const handle = named(user) ? user.name : "";
  const words = [WORDS[status] ?? status, role === "member" ? "" : role, text].filter(Boolean).join(", ");
  const direct = h(
    "button",
    { type: "button", class: "quiet", on: { click: () => write(user) } },
    "Message",
    h("span", { class: "unseen" }, ` ${shown(user)}`),
  );
  return h(
    "li",
    { class: `person ${status}` },
    h("span", { class: "dot", aria: { hidden: "true" } }),
    h(
      "div",
      { class: "person-text" },
      h("bdi", { class: "name" }, shown(user)),
      handle ? h("bdi", { class: "handle" }, handle) : null,
      h("p", { class: "hint" }, me ? `${words}, you` : words),
    ),
    me || user.kind === "bot" ? null : direct,
  );
}
