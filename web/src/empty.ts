// What stands where no room is shown: the rooms there are, or the way into the one that was asked for.

import type { Chat } from "./chat";
import { fill, h, say } from "./dom";
import { offer } from "./finder";
import { line, sentence } from "./text";
import { Failure } from "./types";

export class Empty {
  readonly element = h("div", { class: "empty" });
  private status = h("p", { class: "refused", role: "status" });
  private key = "";

  constructor(
    private chat: Chat,
    private enter: (room: string) => void,
    private find: () => void,
  ) {}

  /** `wanted`: the room in the address, or nothing. */
  render(wanted: string, begun: boolean): void {
    const key = `${begun} ${this.chat.rooms.size === 0} ${wanted}`;
    if (this.key === key) return;
    this.key = key;
    say(this.status, "");
    if (!begun) fill(this.element, h("p", { class: "late" }, "Connecting …"));
    else if (wanted === "") this.rooms();
    else this.door(wanted);
  }

  private rooms(): void {
    const none = this.chat.rooms.size === 0;
    const list = h("ul", { class: "found" });
    fill(
      this.element,
      h("h1", {}, none ? "Welcome" : "Rooms"),
      h("p", {}, none ? "Come into a room to read and write." : "Choose a room, or find another one."),
      list,
      h("button", { type: "button", class: "primary", on: { click: this.find } }, "Find or make a room"),
      this.status,
    );
    const { key } = this;
    this.chat.list("").then(
      ({ rooms }) => {
        if (this.key !== key) return;
        const offers = rooms.slice(0, 8).map((r) => offer(this.chat, r, this.enter, (why) => say(this.status, sentence(why))));
        fill(list, ...offers);
      },
      // The button below asks again.
      () => null,
    );
  }

  private door(wanted: string): void {
    const name = wanted.startsWith("@") ? line(wanted, 40) : `#${line(wanted, 64)}`;
    const join = h("button", { type: "button", class: "primary" }, `Join ${name}`);
    join.addEventListener("click", async () => {
      join.disabled = true;
      say(this.status, "");
      try {
        const room = await this.chat.join(wanted);
        this.enter(room.name);
      } catch (error) {
        join.disabled = false;
        say(this.status, why(Failure.from(error), name));
      }
    });
    fill(
      this.element,
      h("h1", {}, name),
      h("p", {}, "You are not in this room."),
      join,
      this.status,
      h("p", {}, h("a", { href: "#/" }, "All rooms")),
    );
  }
}

/** A room that is not there and one that is not for the asker are told alike. */
function why(failure: Failure, name: string): string {
  if (failure.code !== "not_found") return sentence(failure.code === "line" ? "not connected; try again in a moment" : failure.message);
  return `There is no ${name}, or it is private: then who is in it has to invite you. Look at the name, or ask them.`;
}
