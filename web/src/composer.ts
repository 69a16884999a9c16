// Where one writes: Enter sends, Shift+Enter begins a line. Also what is being answered or changed.

import type { Chat } from "./chat";
import { h, mark, say } from "./dom";
import { bytes, line, shown } from "./text";
import type { Message } from "./types";

export class Composer {
  private input: HTMLTextAreaElement;
  private send: HTMLButtonElement;
  private about = h("span", { class: "about-text" });
  private chip: HTMLElement;
  private hint = h("span", { class: "typing", aria: { live: "off" } });
  private count = h("span", { class: "count", id: "count", role: "status" });
  readonly element: HTMLElement;
  private reply: Message | null = null;
  private edit: Message | null = null;
  private room = "";
  /** What was begun in other rooms. */
  private begun = new Map<string, string>();

  constructor(
    private chat: Chat,
    private sent: () => void,
    private up: () => void,
  ) {
    this.input = h("textarea", { id: "write", rows: 1, placeholder: "Write a message", autocomplete: "off" });
    this.input.setAttribute("enterkeyhint", "send");
    this.input.setAttribute("aria-describedby", "count");
    this.send = h("button", { type: "submit", class: "primary" }, "Send");
    const cancel = h("button", { type: "button", class: "link", on: { click: () => this.cancel() } }, "Cancel");
    this.chip = h("p", { class: "about", hidden: true }, this.about, " ", cancel);
    this.element = h(
      "form",
      { class: "composer", aria: { label: "Write" } },
      this.chip,
      h("div", { class: "write" }, this.input, this.send),
      h("p", { class: "under" }, this.hint, this.count),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.go();
    });
    this.input.addEventListener("input", () => {
      this.grown();
      if (!this.edit) chat.typed(this.input.value.trim() === "");
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  focus(): void {
    this.input.focus();
  }

  answer(message: Message): void {
    this.edit = null;
    this.reply = message;
    this.render();
    this.focus();
  }

  change(message: Message): void {
    if (this.edit === null && this.input.value !== "") this.begun.set(this.room, this.input.value);
    this.reply = null;
    this.edit = message;
    this.input.value = message.text ?? "";
    this.grown();
    this.render();
    this.focus();
  }

  render(): void {
    const { open } = this.chat;
    if (open && open.name !== this.room) {
      if (this.room !== "" && !this.edit) this.begun.set(this.room, this.input.value);
      this.room = open.name;
      this.reply = null;
      this.edit = null;
      this.restore();
    }
    if (!open) return;
    // What was to be answered may be gone meanwhile.
    if (this.reply && open.message(this.reply.seq)?.text === null) this.reply = null;
    mark(this.input, "aria-label", `Message to ${open.title}`);
    this.chip.hidden = !this.reply && !this.edit;
    const reply = this.reply ? `In reply to ${shown(this.reply.from)}: ${line(this.reply.text ?? "", 60)}` : "";
    say(this.about, this.edit ? "Changing your message" : reply);
    say(this.send, this.edit ? "Save" : "Send");
    const names = [...open.typing.values()].map((t) => line(t.name, 24));
    const typing = names.length > 3 ? "Several people are typing …" : names.length > 0 ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing …` : "";
    const muted = open.summary.muted_until && Date.parse(open.summary.muted_until) > Date.now() ? "You may read here, not write." : "";
    say(this.hint, muted || typing);
  }

  private restore(): void {
    this.input.value = this.begun.get(this.room) ?? "";
    this.begun.delete(this.room);
    this.grown();
  }

  private cancel(): void {
    const wasEdit = this.edit !== null;
    this.reply = null;
    this.edit = null;
    if (wasEdit) this.restore();
    this.render();
    this.focus();
  }

  private key(event: KeyboardEvent): void {
    // While a word is being composed, Enter belongs to it.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.go();
    } else if (event.key === "Escape" && (this.reply || this.edit)) {
      this.cancel();
      event.preventDefault();
    } else if (event.key === "ArrowUp" && this.input.value === "") {
      this.up();
      event.preventDefault();
    }
  }

  private async go(): Promise<void> {
    const text = this.input.value.replace(/\s+$/u, "");
    if (text.trim() === "" || bytes(text) > this.chat.textBytes) return;
    if (this.edit) {
      const message = this.edit;
      if (text !== message.text && !(await this.chat.edit(message, text))) return;
      this.edit = null;
      this.restore();
      this.render();
      return;
    }
    const { reply } = this;
    this.reply = null;
    this.input.value = "";
    this.grown();
    this.sent();
    this.chat.say(text, reply?.seq);
    this.render();
  }

  private grown(): void {
    const { value } = this.input;
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight + 2, 180)}px`;
    const most = this.chat.textBytes;
    // Short texts cannot be too long, whatever is in them.
    const size = value.length * 4 < most ? 0 : bytes(value);
    say(this.count, size > most ? `${size - most} bytes too long` : size > most * 0.9 ? `${most - size} bytes left` : "");
    mark(this.input, "aria-invalid", size > most ? "true" : null);
  }
}
