// Texts as they may be shown: what hides or turns the direction becomes a mark, as the terminal client shows it
// (`common/src/text.rs`); what is an address of the web, and where it leads; times in words.

import type { User } from "./types";

const HIDDEN =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/gu;
const FLAG = /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}/u;
const TAGS = /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}|[\u{e0000}-\u{e007f}]/gu;
/** Further marks on one character would run over the lines above and below. */
const STACK = /(\p{M}{8})\p{M}+/gu;

function sign(c: string): string {
  return `⟨${c.codePointAt(0)?.toString(16)}⟩`;
}

/** A text from the network, for people: nothing in it can hide. */
export function visible(text: string): string {
  return text
    .replace(HIDDEN, sign)
    .replace(TAGS, (c) => (FLAG.test(c) ? c : sign(c)))
    .replace(STACK, "$1");
}

/** As [`visible`], on one line. */
export function line(text: string, most = 200): string {
  const flat = visible(text).replace(/\s+/gu, " ").trim();
  const letters = [...flat];
  return letters.length > most ? `${letters.slice(0, most).join("")}…` : flat;
}

/** A user's name for people; a guest's keeps its `~`. */
export function shown(user: User): string {
  return named(user) ? line(user.display_name, 40) : line(user.name, 40);
}

/** Whether somebody chose to be shown by another name; the real one then stands beside it. */
export function named(user: User): boolean {
  return user.display_name !== "" && user.display_name !== user.name && `~${user.display_name}` !== user.name;
}

/** Without what belongs to the sentence around it. */
export function trimmed(address: string): string {
  let end = address.replace(/[.,;:!?…*]+$/u, "");
  while (/[)\]}]$/u.test(end)) {
    const [open, close] = end.endsWith(")") ? ["(", ")"] : end.endsWith("]") ? ["[", "]"] : ["{", "}"];
    if (end.split(open).length >= end.split(close).length) break;
    end = end.slice(0, -1).replace(/[.,;:!?…]+$/u, "");
  }
  return end;
}

/** Whether it is a whole address of the web. */
export function isWeb(address: string): boolean {
  try {
    const url = new URL(address);
    return (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
  } catch {
    return false;
  }
}

/** The host of an address that could be mistaken for another's: behind a name, or written in other letters. */
export function realHost(address: string): string | null {
  const [authority = ""] = address.slice(address.indexOf("//") + 2).split(/[/?#\\]/);
  if (/^[\0-\x7f]*$/.test(authority) && !authority.includes("@")) return null;
  return new URL(address).hostname;
}

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const nearDay = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** The day, in words of the reader: today, yesterday, or which; `now` is a moment of today. */
export function dayOf(at: string, now = new Date()): string {
  const then = new Date(at);
  const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const ago = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  return ago === 0 || ago === 1 ? capital(nearDay.format(-ago, "day")) : day.format(then);
}
/** Hours and minutes. */
export const clockOf = (at: string): string => clock.format(new Date(at));
/** Everything, for a title. */
export const whenOf = (at: string): string => full.format(new Date(at));

/** What the server said in the middle of a line, as a sentence. */
export function sentence(text: string): string {
  const begun = capital(text);
  return begun === "" || /[.!?…]$/u.test(begun) ? begun : `${begun}.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Bytes of UTF-8. */
export const bytes = (text: string): number => new TextEncoder().encode(text).length;
