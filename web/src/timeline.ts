// The messages of the open room: kept at the end while somebody reads there, kept still while somebody reads above,
// older ones fetched when the beginning comes near. One toolbar goes to the message that has the focus or the pointer.

import type { Chat } from "./chat";
import { h, type Item, List, mark, say } from "./dom";
import { draw, type Deeds, EMOJI, quoteOf, type Row, sameRow } from "./message";
import type { Room } from "./room";
import { dayOf, shown } from "./text";
import type { Message } from "./types";

/** A pause after which the author is named again. */
const APART = 5 * 60_000;

export interface Wishes {
  reply(message: Message): void;
  edit(message: Message): void;
  notice(text: string): void;
  write(): void;
}

export class Timeline {
  private list = h("ol", { class: "messages" });
  private top = h("p", { class: "hint top" });
  private down: HTMLButtonElement;
  private bar: HTMLElement;
  private scroll: HTMLElement;
  readonly element: HTMLElement;
  private rows: List<Row>;
  private room: Room | null = null;
  private atEnd = true;
  private fetching = false;
  private at: Message | null = null;
  private unhidden = new Set<string>();

  constructor(
    private chat: Chat,
    private wishes: Wishes,
  ) {
    const deeds: Deeds = {
      react: (message, emoji, on) => void chat.react(message, emoji, on),
      retry: (draft) => chat.retry(draft.client_id),
      discard: (draft) => chat.discard(draft.client_id),
      jump: (seq) => void this.jump(seq),
      unhide: (message) => {
        this.unhidden.add(`${message.room}/${message.seq}`);
        this.render();
      },
    };
    this.rows = new List<Row>(this.list, (row) => draw(row, deeds), sameRow);
    this.down = h("button", { type: "button", class: "down", hidden: true, on: { click: () => this.toEnd() } });
    this.scroll = h("div", { class: "timeline", tabIndex: 0, role: "region" }, this.top, this.list);
    this.bar = this.toolbar();
    this.element = h("div", { class: "timeline-frame" }, this.scroll, this.bar, this.down);
    this.scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusin", (event) => this.point(event.target));
    this.list.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse" && !this.bar.contains(document.activeElement)) this.point(event.target);
    });
    this.element.addEventListener("pointerleave", () => {
      if (!this.element.contains(document.activeElement)) this.point(null);
    });
    new ResizeObserver(() => {
      if (this.atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
    }).observe(this.scroll);
  }

  render(): void {
    const room = this.chat.open;
    if (room !== this.room) {
      this.room = room;
      this.atEnd = true;
      this.point(null);
    }
    if (!room) return;
    mark(this.scroll, "aria-label", `Messages in ${room.title}`);
    const anchor = this.atEnd && !room.newer ? null : this.anchor();
    this.rows.show(this.items(room));
    const top = room.loaded
      ? room.more
        ? "Scroll up for older messages"
        : room.messages.length > 0 || this.chat.outbox.of(room.name).length > 0
          ? "This is the beginning"
          : "Nothing was said here yet. Begin!"
      : "Loading …";
    say(this.top, top);
    if (anchor) {
      this.scroll.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    } else if (!room.newer) {
      this.scroll.scrollTop = this.scroll.scrollHeight;
      if (room.messages.length > 600) {
        room.trim();
        this.rows.show(this.items(room));
        this.scroll.scrollTop = this.scroll.scrollHeight;
      }
    }
    this.place();
    this.reading();
    if (!this.atEnd || this.scroll.scrollHeight <= this.scroll.clientHeight) this.nearTop();
    this.nearEnd();
  }

  /** Looks at the last message. */
  toEnd(): void {
    if (this.room?.newer) {
      void this.chat.past.turn().then((turned) => turned && this.toEnd());
      return;
    }
    this.atEnd = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.reading();
  }

  focus(): void {
    this.scroll.focus();
  }

  /** Tells the chat whether the end is being read. */
  reading(): void {
    const { chat } = this;
    chat.reading = this.atEnd && document.visibilityState === "visible" && document.hasFocus() && this.scroll.offsetParent !== null;
    if (chat.reading) chat.read();
    const unread = chat.open?.summary.unread ?? 0;
    this.down.hidden = this.atEnd;
    say(this.down, unread > 0 ? `${unread} new ↓` : "To the end ↓");
  }

  private items(room: Room): Item<Row>[] {
    const items: Item<Row>[] = [];
    let day = "";
    let before: Message | null = null;
    let split = false;
    for (const message of room.messages) {
      const today = dayOf(message.at);
      if (today !== day) items.push({ key: `d${today}`, value: { kind: "day", text: today } });
      const fresh: boolean = !split && message.seq > room.newFrom && message.from.id !== this.chat.me.id;
      if (fresh && before) items.push({ key: "new", value: { kind: "new" } });
      split ||= fresh;
      const first =
        fresh ||
        today !== day ||
        before?.from.id !== message.from.id ||
        before.from.display_name !== message.from.display_name ||
        message.reply_to !== undefined ||
        Date.parse(message.at) - Date.parse(before.at) > APART;
      const mine = message.from.id === this.chat.me.id;
      const named = message.mentions.includes(this.chat.me.id);
      const hidden = this.chat.blocked.has(message.from.id) && !this.unhidden.has(`${message.room}/${message.seq}`);
      const quote =
        message.reply_to === undefined ? null : quoteOf(this.chat.past.quoted(room, message.reply_to), message.reply_to);
      items.push({ key: `m${message.seq}`, value: { kind: "message", message, first, mine, named, hidden, me: this.chat.me.name, quote } });
      day = today;
      before = message;
    }
    let mine = !room.newer && before?.from.id === this.chat.me.id;
    for (const draft of this.chat.outbox.of(room.name)) {
      const quote = draft.reply_to === undefined ? null : quoteOf(this.chat.past.quoted(room, draft.reply_to), draft.reply_to);
      items.push({ key: `c${draft.client_id}`, value: { kind: "draft", draft, by: mine ? null : this.chat.me, failed: draft.failed, quote } });
      mine = true;
    }
    return items;
  }

  /** The first message that is in sight, and where: it stays there. */
  private anchor(): { element: Element; top: number } | null {
    const edge = this.scroll.getBoundingClientRect().top;
    // Not a day's line: with older messages of that day it stands elsewhere.
    for (const element of this.list.querySelectorAll("li[tabindex]")) {
      const box = element.getBoundingClientRect();
      if (box.bottom > edge) return { element, top: box.top };
    }
    return null;
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    const below = scrollHeight - scrollTop - clientHeight;
    this.atEnd = below < 40 && this.room?.newer !== true;
    this.reading();
    this.place();
    this.nearTop();
    this.nearEnd();
  }

  private nearEnd(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    if (scrollHeight - scrollTop - clientHeight < 400 && this.room?.newer && this.chat.state === "online") void this.younger();
  }

  private async younger(): Promise<void> {
    if (this.fetching) return;
    this.fetching = true;
    await this.chat.past.younger();
    this.fetching = false;
  }

  private nearTop(): void {
    if (this.scroll.scrollTop < 400 && this.room?.more) void this.older();
  }

  private async older(): Promise<boolean> {
    if (this.fetching || !this.room?.loaded) return false;
    this.fetching = true;
    const more = await this.chat.past.older();
    this.fetching = false;
    return more;
  }

  /** Goes to a message, wherever in the log it stands. */
  private async jump(seq: number): Promise<void> {
    if (!this.room?.message(seq) && !(await this.chat.past.turn(seq))) return;
    this.atEnd = false;
    this.render();
    const element = this.rows.element(`m${seq}`);
    if (!element) {
      this.wishes.notice("That message is gone.");
      return;
    }
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
  }

  // ---- keys, and the toolbar

  private key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const items = [...this.list.querySelectorAll<HTMLElement>("li[tabindex]")];
    const now = items.findIndex((i) => i === document.activeElement);
    const onList = document.activeElement === this.scroll || now >= 0;
    if (!onList) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const step = event.key === "ArrowUp" ? -1 : 1;
      const to = items[now < 0 ? items.length - 1 : Math.min(items.length - 1, Math.max(0, now + step))];
      if (now + step >= items.length) this.wishes.write();
      else to?.focus();
      event.preventDefault();
    } else if (event.key === "Escape") {
      this.wishes.write();
      event.preventDefault();
    } else if (event.key === "Enter" && now >= 0 && !this.bar.hidden) {
      this.bar.querySelector<HTMLElement>("button:not([hidden])")?.focus();
      event.preventDefault();
    } else if (event.key === "End") {
      this.toEnd();
      items.at(-1)?.focus();
      event.preventDefault();
    }
  }

  private toolbar(): HTMLElement {
    const act = (deed: (message: Message) => void) => () => {
      if (this.at) deed(this.at);
    };
    const emoji = EMOJI.map((e) =>
      h(
        "button",
        {
          type: "button",
          role: "menuitem",
          on: {
            click: act((m) => {
              const mine = m.reactions.find((r) => r.emoji === e)?.me ?? false;
              void this.chat.react(m, e, !mine);
              this.back();
            }),
          },
        },
        e,
      ),
    );
    const picker = h("div", { class: "picker", role: "menu", hidden: true, aria: { label: "Reactions" } }, ...emoji);
    picker.addEventListener("keydown", (event) => {
      const at = emoji.indexOf(document.activeElement as HTMLButtonElement);
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (step !== 0) emoji[(at + step + emoji.length) % emoji.length]?.focus();
    });
    const react = h("button", { type: "button", class: "react", aria: { expanded: "false", haspopup: "menu" } }, "React");
    react.addEventListener("click", () => {
      picker.hidden = !picker.hidden;
      react.setAttribute("aria-expanded", String(!picker.hidden));
      if (!picker.hidden) emoji[0]?.focus();
    });
    const bar = h(
      "div",
      { class: "bar", hidden: true, role: "toolbar", aria: { label: "This message" } },
      react,
      picker,
      h("button", { type: "button", class: "reply", on: { click: act((m) => this.wishes.reply(m)) } }, "Reply"),
      h("button", { type: "button", class: "edit", on: { click: act((m) => this.wishes.edit(m)) } }, "Edit"),
      h("button", { type: "button", class: "delete", on: { click: act((m) => void this.erase(m)) } }, "Delete"),
    );
    bar.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.back();
        event.preventDefault();
      }
    });
    return bar;
  }

  /** From the toolbar back to its message. */
  private back(): void {
    this.closePicker();
    const element = this.at ? this.rows.element(`m${this.at.seq}`) : null;
    (element ?? this.scroll).focus({ preventScroll: true });
  }

  private closePicker(): void {
    const picker = this.bar.querySelector<HTMLElement>(".picker");
    if (picker) picker.hidden = true;
    this.bar.querySelector(".react")?.setAttribute("aria-expanded", "false");
  }

  private async erase(message: Message): Promise<void> {
    if (!confirm("Delete this message for everybody?")) return;
    await this.chat.erase(message);
    this.back();
  }

  /** The toolbar goes to the message of this element, or away. */
  private point(target: EventTarget | null): void {
    const item = target instanceof Element ? target.closest<HTMLElement>("li[data-seq]") : null;
    const seq = Number(item?.dataset.seq);
    const message = item && this.room ? this.room.message(seq) : undefined;
    if (target !== null && !message) return;
    if (message?.seq !== this.at?.seq) this.closePicker();
    this.at = message ?? null;
    this.place();
  }

  private place(): void {
    const message = this.at && this.room ? this.room.message(this.at.seq) : undefined;
    const element = message ? this.rows.element(`m${message.seq}`) : undefined;
    const usable = message !== undefined && message.text !== null && element !== undefined && this.chat.state === "online";
    const frame = this.element.getBoundingClientRect();
    const box = element?.getBoundingClientRect();
    const inSight = box !== undefined && box.bottom > frame.top + 8 && box.top < frame.bottom - 24;
    if (!usable || !inSight) {
      if (!this.bar.contains(document.activeElement)) this.bar.hidden = true;
      return;
    }
    this.at = message;
    const mine = message.from.id === this.chat.me.id;
    const role = this.room?.summary.role;
    const moderates = role === "owner" || role === "moderator";
    this.bar.hidden = false;
    const show = (name: string, on: boolean) => {
      const button = this.bar.querySelector<HTMLElement>(name);
      if (button) button.hidden = !on;
    };
    show(".edit", mine);
    show(".delete", mine || moderates);
    mark(this.bar, "aria-label", `Message of ${shown(message.from)}`);
    // Above the message and not over what is read; a line's end of the one before may be covered.
    this.bar.style.top = `${Math.max(4, box.top - frame.top - this.bar.offsetHeight + 8)}px`;
  }
}
