// The small part of CommonMark that the terminal client shows as well (`tui-client/src/ui/markdown.rs`): bold, italic,
// code, fences, quotes, lists, headings, links, and names that are called. Texts in, elements out; anything not
// understood stays as it was written, and no markup is ever parsed.

import { h } from "./dom";
import { isWeb, line, realHost, trimmed, visible } from "./text";

type Part = Node | string;

/** Emphasis within emphasis is read so deep; below, a text is plain. */
const DEEP = 5;
/** Marks looked at for the end of an emphasis: a text of nothing else must not hold up the page. */
const TRIES = 40;
const ADDRESS = /https?:\/\/[^\s<>"'`⟨⟩]+/iuy;
const CALLED = /@~?[a-z0-9_][a-z0-9_.~-]*/iuy;
const LETTER = /[\p{L}\p{N}]/u;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/** A message's text as elements; `me` is one's own name, which stands out where it is called. */
export function rich(text: string, me: string): Part[] {
  const lines = visible(text).split("\n");
  const parts: Part[] = [];
  // Lines of one paragraph stay together with their ends; blocks have lines of their own.
  let open: Part[] = [];
  let quote: Part[] | null = null;
  const close = () => {
    if (open.length > 0) parts.push(h("div", { dir: "auto" }, ...open));
    open = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const written = lines[i] ?? "";
    const code = fenced(lines, i);
    if (code) {
      close();
      quote = null;
      parts.push(code.element);
      i = code.end;
      continue;
    }
    const start = written.trimStart();
    if (start === ">" || start.startsWith("> ")) {
      close();
      const said = inline(start.slice(2), me);
      if (quote) quote.push("\n", ...said);
      else quote = said;
      if (!/^\s*>( |$)/.test(lines[i + 1] ?? "")) {
        parts.push(h("blockquote", { dir: "auto" }, ...quote));
        quote = null;
      }
      continue;
    }
    if (open.length > 0) open.push("\n");
    open.push(...paragraph(written, me));
  }
  close();
  return parts;
}

/** A line that is no block: a list's, a heading, or running text. */
function paragraph(written: string, me: string): Part[] {
  const item = /^(\s*)[-*] (.*)$/u.exec(written);
  if (item) return [`${item[1]}• `, ...inline(item[2] ?? "", me)];
  const title = /^\s*#{1,6} (.*)$/u.exec(written);
  if (title) return [h("strong", {}, ...inline(title[1] ?? "", me))];
  const parts = inline(written, me);
  return parts.length > 0 ? parts : [""];
}

/** A fence that begins at a line and has an end: without one it is text, so that it never swallows a message. */
function fenced(lines: string[], at: number): { element: HTMLElement; end: number } | null {
  const [, fence = "", lang = ""] = /^\s*(`{3,})([^`]*)$/.exec(lines[at] ?? "") ?? [];
  if (fence === "") return null;
  const end = lines.findIndex((l, i) => i > at && l.trimStart().startsWith(fence));
  if (end < 0) return null;
  const code = h("code", {}, lines.slice(at + 1, end).join("\n"));
  const name = lang.trim().slice(0, 20);
  return { element: h("pre", { dir: "ltr" }, name === "" ? null : h("span", { class: "lang" }, name), code), end };
}

function inline(text: string, me: string, deep = 0): Part[] {
  const parts: Part[] = [];
  let plain = "";
  let before = " ";
  for (let at = 0; at < text.length; ) {
    const found = special(text, at, before, me, deep);
    if (found) {
      if (plain !== "") parts.push(plain);
      plain = "";
      parts.push(...found.parts);
      before = text[found.end - 1] ?? " ";
      at = found.end;
    } else {
      before = String.fromCodePoint(text.codePointAt(at) ?? 32);
      plain += before;
      at += before.length;
    }
  }
  if (plain !== "") parts.push(plain);
  return parts;
}

type Found = { parts: Part[]; end: number } | null;

function special(text: string, at: number, before: string, me: string, deep: number): Found {
  switch (text[at]) {
    case "`":
      return code(text, at);
    case "*":
    case "_":
      return deep < DEEP ? emphasis(text, at, before, me, deep) : null;
    case "h":
    case "H":
      return LETTER.test(before) ? null : address(text, at);
    case "@":
      return LETTER.test(before) ? null : called(text, at, me);
    case "\\":
      return PUNCTUATION.test(text[at + 1] ?? "") ? { parts: [text[at + 1] ?? ""], end: at + 2 } : null;
    default:
      return null;
  }
}

function code(text: string, at: number): Found {
  const [fence = ""] = /^`+/.exec(text.slice(at)) ?? [];
  const end = text.indexOf(fence, at + fence.length);
  if (end <= at + fence.length) return null;
  return { parts: [h("code", {}, text.slice(at + fence.length, end))], end: end + fence.length };
}

function emphasis(text: string, at: number, before: string, me: string, deep: number): Found {
  // snake_case and 2 * 3 are no emphasis.
  if (LETTER.test(before)) return null;
  for (const mark of ["**", "__", "*", "_"]) {
    if (!text.startsWith(mark, at)) continue;
    const from = at + mark.length;
    const first = text[from] ?? " ";
    if (/\s/u.test(first) || mark.includes(first)) continue;
    let end = text.indexOf(mark, from);
    for (let tries = 0; end >= 0 && tries < TRIES; tries++, end = text.indexOf(mark, end + mark.length)) {
      const after = text[end + mark.length] ?? " ";
      if (/\s/u.test(text[end - 1] ?? " ") || LETTER.test(after) || mark.includes(after)) continue;
      const inner = inline(text.slice(from, end), me, deep + 1);
      return { parts: [h(mark.length === 2 ? "strong" : "em", {}, ...inner)], end: end + mark.length };
    }
  }
  return null;
}

function address(text: string, at: number): Found {
  ADDRESS.lastIndex = at;
  const found = ADDRESS.exec(text);
  const url = found ? trimmed(found[0]) : "";
  if (!isWeb(url)) return null;
  const host = realHost(url);
  const link = h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, url);
  return { parts: host ? [link, h("span", { class: "leads" }, ` (to ${line(host)})`)] : [link], end: at + url.length };
}

function called(text: string, at: number, me: string): Found {
  CALLED.lastIndex = at;
  const name = (CALLED.exec(text)?.[0] ?? "").replace(/[.-]+$/u, "");
  if (name.length < 3) return null;
  const bare = (n: string) => n.replace(/^@?~?/, "").toLowerCase();
  return { parts: [h("span", { class: bare(name) === bare(me) ? "call me" : "call" }, name)], end: at + name.length };
}
