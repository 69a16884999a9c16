// The dialog to find or make a room, and the list of rooms to come into that it shares with the empty page.

import type { Chat } from "./chat";
import { fill, h, say } from "./dom";
import { line, sentence } from "./text";
import { Failure, type RoomSummary } from "./types";

/** A room to come into. `enter` gets the room once one is in it; `failed` why not. */
export function offer(chat: Chat, room: RoomSummary, enter: (room: string) => void, failed: (why: string) => void): HTMLElement {
  const inside = chat.rooms.has(room.room);
  const come = async () => {
    try {
      if (!inside) await chat.join(room.room);
      enter(room.room);
    } catch (error) {
      failed(Failure.from(error).message);
    }
  };
  const topic = room.topic === "" ? "" : ` · ${line(room.topic, 80)}`;
  const members = room.members === 1 ? "1 member" : `${room.members} members`;
  const hidden = room.kind === "private" ? h("span", { class: "tag" }, "private") : null;
  return h(
    "li",
    {},
    h("div", {}, h("strong", {}, `#${room.room}`), " ", hidden, h("p", { class: "hint" }, `${members}${topic}`)),
    h("button", { type: "button", on: { click: () => void come() } }, inside ? "Open" : "Join", h("span", { class: "unseen" }, ` #${room.room}`)),
  );
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
    try {
      const { rooms, more } = await this.chat.list(this.query.value.trim());
      // An answer to an earlier question may come later.
      if (asked !== this.asked) return;
      const enter = (room: string) => {
        this.element.close();
        this.go(room);
      };
      fill(this.found, ...rooms.map((r) => offer(this.chat, r, enter, (why) => say(this.status, sentence(why)))));
      say(this.status, rooms.length === 0 ? "Nothing found. A private room is not shown: who is in it can invite you." : more ? "The first 50; a part of the name finds more." : "");
    } catch (error) {
      say(this.status, sentence(Failure.from(error).message));
    }
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
      say(this.wrong, sentence(Failure.from(error).message));
      this.name.focus();
    }
  }
}
