// One message as an element, and the few things that can be done with it.

import { h } from "./dom";
import { rich } from "./markdown";
import type { Draft } from "./outbox";
import { clockOf, line, named, shown, visible, whenOf } from "./text";
import type { Message, User } from "./types";

export const EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "😢", "👀", "✅"];

/** What a line of the timeline is made from; compared part by part. */
export type Row =
  | { kind: "day"; text: string }
  | { kind: "new" }
  | { kind: "draft"; draft: Draft; by: User | null; failed: string | undefined; quote: Quote | null }
  | { kind: "message"; message: Message; first: boolean; mine: boolean; named: boolean; hidden: boolean; me: string; quote: Quote | null };

/** The beginning of the message that is answered. */
export interface Quote {
  seq: number;
  who: string;
  text: string;
}

export interface Deeds {
  react(message: Message, emoji: string, on: boolean): void;
  retry(draft: Draft): void;
  discard(draft: Draft): void;
  jump(seq: number): void;
  unhide(message: Message): void;
}

export function sameRow(a: Row, b: Row): boolean {
  if (a.kind === "message" && b.kind === "message") {
    return (
      a.message === b.message &&
      a.first === b.first &&
      a.named === b.named &&
      a.hidden === b.hidden &&
      a.quote?.text === b.quote?.text &&
      a.quote?.who === b.quote?.who
    );
  }
  if (a.kind === "draft" && b.kind === "draft") return a.failed === b.failed && a.by === b.by && a.quote?.text === b.quote?.text;
  return a.kind === b.kind;
}

export function quoteOf(message: Message | null | undefined, seq: number): Quote {
  if (message === undefined) return { seq, who: "", text: "…" };
  if (message === null) return { seq, who: "", text: "a message that is gone" };
  return { seq, who: shown(message.from), text: message.text === null ? "deleted" : line(message.text, 90) };
}

function author(user: User): HTMLElement {
  const handle = named(user) ? user.name : "";
  const tag = user.kind === "bot" ? h("span", { class: "tag" }, "bot") : null;
  return h(
    "span",
    { class: "from" },
    h("bdi", { class: "name" }, shown(user)),
    handle ? h("bdi", { class: "handle" }, handle) : null,
    tag,
  );
}

export function draw(row: Row, deeds: Deeds): HTMLElement {
  switch (row.kind) {
    case "day":
      return h("li", { class: "day" }, h("span", {}, row.text));
    case "new":
      return h("li", { class: "new" }, h("span", {}, "New"));
    case "draft":
      return drawDraft(row, deeds);
    case "message":
      return drawMessage(row, deeds);
  }
}

function drawMessage(row: Row & { kind: "message" }, deeds: Deeds): HTMLElement {
  const { message, first, mine, named: toMe, hidden, me, quote } = row;
  const head = h(
    "div",
    { class: first ? "head" : "head unseen" },
    author(message.from),
    h("time", { dateTime: message.at, title: whenOf(message.at) }, clockOf(message.at)),
  );
  const names = ["message", first ? "first" : "", mine ? "mine" : "", toMe ? "named" : ""].filter(Boolean).join(" ");
  const item = h("li", { class: names, tabIndex: -1, id: `m${message.seq}` }, head);
  item.dataset.seq = String(message.seq);
  if (quote) item.append(drawQuote(quote, deeds));
  if (message.text === null) {
    item.append(h("p", { class: "gone" }, message.deleted ? "Message deleted" : "Message changed"));
  } else if (hidden) {
    const show = h("button", { type: "button", class: "link", on: { click: () => deeds.unhide(message) } }, "show it");
    item.append(h("p", { class: "gone" }, "From somebody you blocked; ", show));
  } else {
    item.append(
      h("div", { class: "text" }, ...rich(message.text, me)),
      ...(message.edited_at ? [h("span", { class: "edited", title: whenOf(message.edited_at) }, "edited")] : []),
    );
  }
  if (message.reactions.length > 0) item.append(drawReactions(message, deeds));
  return item;
}

function drawQuote(quote: Quote, deeds: Deeds): HTMLElement {
  return h(
    "button",
    { type: "button", class: "quote", on: { click: () => deeds.jump(quote.seq) } },
    h("span", { class: "unseen" }, "in reply to "),
    h("bdi", { class: "name" }, quote.who),
    " ",
    h("bdi", {}, quote.text),
  );
}

function drawReactions(message: Message, deeds: Deeds): HTMLElement {
  const buttons = message.reactions.map((r) =>
    h(
      "button",
      {
        type: "button",
        class: "reaction",
        aria: { pressed: String(r.me), label: `${r.emoji} ${r.count}, ${r.me ? "take yours back" : "add yours"}` },
        on: { click: () => deeds.react(message, r.emoji, !r.me) },
      },
      `${visible(r.emoji)} ${r.count}`,
    ),
  );
  return h("div", { class: "reactions" }, ...buttons);
}

function drawDraft({ draft, by, quote }: Row & { kind: "draft" }, deeds: Deeds): HTMLElement {
  const failed = draft.failed !== undefined;
  const names = ["message mine draft", by ? "first" : "", failed ? "failed" : ""].filter(Boolean).join(" ");
  const item = h("li", { class: names, tabIndex: -1 }, by ? h("div", { class: "head" }, author(by)) : null);
  if (quote) item.append(drawQuote(quote, deeds));
  item.append(h("div", { class: "text" }, ...rich(draft.text, "")));
  item.append(
    failed
      ? h(
          "p",
          { class: "wrong" },
          `Not sent: ${draft.failed}. `,
          h("button", { type: "button", class: "link", on: { click: () => deeds.retry(draft) } }, "Try again"),
          " ",
          h("button", { type: "button", class: "link", on: { click: () => deeds.discard(draft) } }, "Discard"),
        )
      : h("span", { class: "edited" }, "sending …"),
  );
  return item;
}
