// The page at `/docs`: the document `/api/v1/openapi.json` for people, and each operation to try. It knows no route: all
// it shows, it reads there.

import { fill, h, say } from "./dom";
import { Session } from "./session";

type Schema = {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  description?: string;
  example?: unknown;
  examples?: unknown[];
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  pattern?: string;
};
type Media = { schema?: Schema; example?: unknown; examples?: Record<string, { value?: unknown }> };
interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
  example?: unknown;
}
interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, { $ref?: string; description?: string; content?: Record<string, Media> }>;
  security?: Record<string, string[]>[];
}
interface Document {
  openapi: string;
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema>; responses?: Record<string, { description?: string; content?: Record<string, Media> }> };
}

const VERBS = ["get", "post", "put", "patch", "delete"];

class Docs {
  private token = h("input", { id: "token", type: "password", class: "code", autocomplete: "off", spellcheck: false });

  constructor(
    private document: Document,
    private session: Session | null,
  ) {}

  page(): HTMLElement {
    const { info, tags = [] } = this.document;
    const groups = new Map<string, [string, string, Operation][]>();
    for (const [path, item] of Object.entries(this.document.paths)) {
      for (const verb of VERBS) {
        const operation = item[verb];
        if (!operation) continue;
        const tag = operation.tags?.[0] ?? "other";
        groups.set(tag, [...(groups.get(tag) ?? []), [verb, path, operation]]);
      }
    }
    const order = [...tags.map((t) => t.name), ...groups.keys()];
    const sections = [...new Set(order)]
      .filter((name) => groups.has(name))
      .map((name) => {
        const said = tags.find((t) => t.name === name)?.description ?? name;
        const rows = (groups.get(name) ?? []).map(([verb, path, operation]) => this.operation(verb, path, operation));
        return h("section", { aria: { label: said } }, h("h2", {}, said), ...rows);
      });
    const find = h("input", { id: "find", type: "search", autocomplete: "off", placeholder: "Part of a path or a word" });
    find.addEventListener("input", () => filter(find.value.trim().toLowerCase()));
    return h(
      "main",
      {},
      h("h1", {}, `${info.title} ${info.version}`),
      h(
        "p",
        { class: "lead" },
        `${info.description ?? ""} JSON in and out. Live events over Socket.IO: path /socket.io/, namespace /chat. All of this as `,
        h("a", { href: "/api/v1/openapi.json" }, `OpenAPI ${this.document.openapi}`),
        ".",
      ),
      h(
        "div",
        { class: "access" },
        h("div", {}, h("label", { htmlFor: "token" }, "Token"), this.token),
        h("div", {}, h("label", { htmlFor: "find" }, "Find"), find),
        h(
          "p",
          { class: "hint" },
          this.session
            ? `Without a token of your own, requests are made as ${this.session.user.name}, who is in the chat in this tab.`
            : "An API token, or the access token that logging in gives. It is kept nowhere.",
        ),
      ),
      ...sections,
    );
  }

  private operation(verb: string, path: string, operation: Operation): HTMLElement {
    const box = h(
      "details",
      { class: "operation" },
      h(
        "summary",
        {},
        h("span", { class: `verb ${verb}` }, verb.toUpperCase()),
        h("code", { class: "path" }, path),
        h("span", { class: "what" }, ...prose(operation.summary)),
      ),
    );
    box.dataset.words = `${verb} ${path} ${operation.summary ?? ""} ${operation.description ?? ""}`.toLowerCase();
    // Made when it is opened: a hundred forms that nobody looks at take long.
    box.addEventListener("toggle", () => {
      if (box.open && box.childElementCount === 1) box.append(this.inside(verb, path, operation));
    });
    return box;
  }

  private inside(verb: string, path: string, operation: Operation): HTMLElement {
    const open = operation.security?.length === 0 || operation.security?.some((s) => Object.keys(s).length === 0);
    const parts: (HTMLElement | null)[] = [];
    if (operation.description) parts.push(h("p", {}, ...prose(operation.description)));
    if (open) parts.push(h("p", { class: "hint" }, "Asks for no token."));
    const slots = new Map<Parameter, HTMLInputElement>();
    const id = `${verb}${path.replaceAll(/[^a-z0-9]/gi, "-")}`;
    if (operation.parameters?.length) {
      const rows = operation.parameters.map((p) => {
        const input = h("input", { id: `${id}-${p.name}`, class: "code", type: "text", autocomplete: "off", spellcheck: false });
        const example = p.example ?? p.schema?.example ?? p.schema?.examples?.[0];
        if (example !== undefined && p.required) input.value = String(example);
        else if (example !== undefined) input.placeholder = String(example);
        slots.set(p, input);
        return h(
          "tr",
          {},
          h("td", {}, h("label", { htmlFor: input.id }, h("code", {}, p.name)), h("div", { class: "hint" }, `${p.in}${p.required ? ", needed" : ""}`)),
          h("td", {}, ...prose(p.description), h("div", { class: "hint" }, this.kind(p.schema))),
          h("td", { class: "slot" }, input),
        );
      });
      parts.push(h("h3", {}, "Parameters"), h("table", {}, h("thead", {}, tableHead("Name", "Meaning", "Value")), h("tbody", {}, ...rows)));
    }
    const body = Object.entries(operation.requestBody?.content ?? {})[0];
    let text: HTMLTextAreaElement | null = null;
    if (body) {
      const [type, media] = body;
      const example = media.example ?? Object.values(media.examples ?? {})[0]?.value ?? this.example(media.schema);
      text = h("textarea", { id: `${id}-body`, class: "code", spellcheck: false, rows: 5 });
      text.value = typeof example === "string" ? example : JSON.stringify(example, null, 2);
      parts.push(h("h3", {}, h("label", { htmlFor: text.id }, "Body"), ` (${type}${operation.requestBody?.required ? "" : ", may be left out"})`), this.fields(media.schema), text);
    }
    parts.push(this.attempt(verb, path, slots, text, body?.[0]), this.answers(operation));
    return h("div", { class: "body" }, ...parts);
  }

  /** What can be answered. */
  private answers(operation: Operation): HTMLElement {
    const rows = Object.entries(operation.responses).map(([status, told]) => {
      const response = told.$ref ? (this.document.components?.responses?.[told.$ref.split("/").at(-1) ?? ""] ?? told) : told;
      const media = Object.entries(response.content ?? {})[0];
      const name = media ? this.name(media[1].schema) || media[0] : "";
      const cell = h("td", {}, ...prose(response.description));
      const fields = media ? this.fields(media[1].schema) : null;
      // What comes is opened by who wants to know; most know it by its name.
      if (fields) cell.append(h("details", { class: "shape" }, h("summary", {}, name), fields));
      else if (media?.[1].schema && name) cell.append(h("div", { class: "hint" }, name));
      return h("tr", {}, h("td", {}, h("code", {}, status)), cell);
    });
    return h("div", {}, h("h3", {}, "Answers"), h("table", {}, h("thead", {}, tableHead("Status", "Meaning")), h("tbody", {}, ...rows)));
  }

  private attempt(verb: string, path: string, slots: Map<Parameter, HTMLInputElement>, body: HTMLTextAreaElement | null, type: string | undefined): HTMLElement {
    const out = h("pre", { hidden: true, tabIndex: 0, aria: { label: "Answer" } });
    const status = h("p", { class: "hint", role: "status" });
    let stop: AbortController | null = null;
    const send = h("button", { type: "button", class: "primary" }, "Send");
    const end = h("button", { type: "button", hidden: true, on: { click: () => stop?.abort() } }, "Stop");
    const curl = h("button", { type: "button" }, "As curl");
    const request = () => build(verb, path, slots, body, type);
    curl.addEventListener("click", () => {
      out.hidden = false;
      say(out, asCurl(request()));
      say(status, "");
    });
    send.addEventListener("click", async () => {
      const missing = [...slots].find(([parameter, input]) => parameter.required && input.value.trim() === "");
      if (missing) {
        say(status, `Fill in ${missing[0].name} first.`);
        missing[1].focus();
        return;
      }
      const { url, headers, content } = request();
      status.className = "hint";
      stop = new AbortController();
      end.hidden = false;
      send.disabled = true;
      const began = performance.now();
      try {
        const token = this.token.value.trim() || (await this.session?.token().catch(() => "")) || "";
        if (token) headers.authorization = `Bearer ${token}`;
        const init: RequestInit = { method: verb.toUpperCase(), headers, signal: stop.signal, credentials: "omit", cache: "no-store" };
        if (content !== undefined) init.body = content;
        const response = await fetch(url, init);
        out.hidden = false;
        say(out, "");
        await read(response, (text) => say(out, text));
        status.className = response.ok ? "hint" : "wrong";
        say(status, `${response.status} ${response.statusText} in ${Math.round(performance.now() - began)} ms`);
      } catch (error) {
        say(status, stop.signal.aborted ? "Stopped." : `No answer: ${String(error)}`);
      }
      end.hidden = true;
      send.disabled = false;
    });
    return h("div", {}, h("div", { class: "deeds" }, send, end, curl), status, out);
  }

  // ---- schemas, in words

  private resolve(schema: Schema | undefined): Schema {
    if (!schema?.$ref) return schema ?? {};
    return this.document.components?.schemas?.[schema.$ref.split("/").at(-1) ?? ""] ?? {};
  }

  private name(schema: Schema | undefined): string {
    return schema?.$ref?.split("/").at(-1) ?? "";
  }

  private kind(schema: Schema | undefined): string {
    const s = this.resolve(schema);
    const inner = (s.oneOf ?? s.anyOf)?.filter((o) => o.type !== "null");
    if (inner?.length === 1) return this.kind(inner[0]);
    const type = Array.isArray(s.type) ? s.type.filter((t) => t !== "null").join(" or ") : (s.type ?? "");
    const words = [type];
    if (s.items) words.push(`of ${this.kind(s.items)}`);
    if (s.enum) words.push(`one of ${s.enum.filter((e) => e !== null).join(", ")}`);
    if (s.minLength !== undefined || s.maxLength !== undefined) words.push(`${range(s.minLength, s.maxLength)} long`);
    if (s.minimum !== undefined || s.maximum !== undefined) words.push(range(s.minimum, s.maximum));
    // A long one says less to a person than the sentence beside it.
    if (s.pattern && s.pattern.length < 60) words.push(s.pattern);
    return words.filter(Boolean).join(" ");
  }

  private fields(schema: Schema | undefined): HTMLElement | null {
    const s = this.resolve(schema);
    const inner = (s.oneOf ?? s.anyOf)?.find((o) => o.type !== "null");
    if (inner) return this.fields(inner);
    if (!s.properties) return null;
    const rows = Object.entries(s.properties).map(([name, field]) => {
      const inside = this.resolve(field);
      const need = s.required?.includes(name) ? ", needed" : "";
      return h("tr", {}, h("td", {}, h("code", {}, name)), h("td", {}, ...prose(said(field) ?? inside.description), h("div", { class: "hint" }, this.kind(field) + need)));
    });
    return h("table", {}, h("thead", {}, tableHead("Field", "Meaning")), h("tbody", {}, ...rows));
  }

  private example(schema: Schema | undefined, deep = 0): unknown {
    const s = this.resolve(schema);
    const given = s.example ?? s.examples?.[0] ?? s.enum?.[0] ?? s.const;
    if (given !== undefined) return given;
    const inner = (s.oneOf ?? s.anyOf ?? s.allOf)?.find((o) => o.type !== "null");
    if (inner) return this.example(inner, deep);
    const type = Array.isArray(s.type) ? s.type[0] : s.type;
    if (type === "array") return deep > 2 ? [] : [this.example(s.items, deep + 1)];
    if (type === "integer" || type === "number") return s.minimum ?? 1;
    if (type === "boolean") return false;
    if (s.properties) {
      const names = Object.keys(s.properties).filter((n) => deep === 0 || s.required?.includes(n));
      const needed = names.filter((n) => s.required?.includes(n));
      return Object.fromEntries((needed.length > 0 ? needed : names).map((n) => [n, this.example(s.properties?.[n], deep + 1)]));
    }
    return type === "object" ? {} : "";
  }
}

function range(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return `${least} or more`;
  return least === undefined ? `${most} or less` : `${least} to ${most}`;
}

/** A text of the document: what stands between backticks is code. */
function prose(text: string | undefined): (HTMLElement | string)[] {
  return (text ?? "").split("`").map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));
}

/** What is said of a field; of one that may be left out it is said inside. */
function said(field: Schema): string | undefined {
  return field.description ?? [...(field.oneOf ?? []), ...(field.anyOf ?? [])].find((o) => o.description)?.description;
}

function tableHead(...names: string[]): HTMLElement {
  return h("tr", {}, ...names.map((n) => h("th", { scope: "col" }, n)));
}

function build(verb: string, path: string, slots: Map<Parameter, HTMLInputElement>, body: HTMLTextAreaElement | null, type: string | undefined) {
  let url = path;
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  for (const [parameter, input] of slots) {
    const value = input.value.trim();
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value !== "" && parameter.in === "query") query.set(parameter.name, value);
    else if (value !== "" && parameter.in === "header") headers[parameter.name] = value;
  }
  const content = body && body.value.trim() !== "" ? body.value : undefined;
  if (content !== undefined && type) headers["content-type"] = type;
  const asked = query.toString();
  return { verb, url: asked ? `${url}?${asked}` : url, headers, content };
}

function asCurl({ verb, url, headers, content }: ReturnType<typeof build>): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl ${verb === "get" ? "" : `-X ${verb.toUpperCase()} `}${quoted(location.origin + url)}`, `-H "Authorization: Bearer $TOKEN"`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (content !== undefined) parts.push(`-d ${quoted(content)}`);
  return parts.join(" \\\n  ");
}

/** Shows an answer as it comes: a stream of events has no end. */
async function read(response: Response, show: (text: string) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let all = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    all = (all + part.value).slice(-200_000);
    show(all);
  }
  try {
    show(JSON.stringify(JSON.parse(all), null, 2));
  } catch {
    show(all === "" ? "(no body)" : all);
  }
}

function filter(words: string): void {
  for (const box of document.querySelectorAll<HTMLElement>("details.operation")) {
    box.hidden = !words.split(/\s+/).every((w) => (box.dataset.words ?? "").includes(w));
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = section.querySelector("details.operation:not([hidden])") === null;
  }
}

async function begin(): Promise<void> {
  const root = document.getElementById("docs") as HTMLElement;
  const response = await fetch("/api/v1/openapi.json").catch(() => null);
  if (!response?.ok) {
    fill(root, h("main", {}, h("p", { role: "alert" }, "The document cannot be read; is the server running? Load the page again.")));
    return;
  }
  fill(root, new Docs((await response.json()) as Document, Session.resume()).page());
}

void begin();
