// The door: coming as a guest, logging in, making an account. Shows what this server lets the asker do.

import { fill, h, say } from "./dom";
import { askServer, Session } from "./session";
import { sentence } from "./text";
import { Failure, type ServerInfo } from "./types";

type Way = "guest" | "login" | "register";

const WAYS: Record<Way, { tab: string; go: string; busy: string }> = {
  guest: { tab: "As a guest", go: "Come in", busy: "Coming in …" },
  login: { tab: "Log in", go: "Log in", busy: "Logging in …" },
  register: { tab: "Register", go: "Make account", busy: "Making it …" },
};

/** Shows the door in `root` until somebody is in. `why`: what to say first. */
export async function door(root: HTMLElement, why: string, invite: string): Promise<Session> {
  const server: ServerInfo = await askServer().catch(() => ({ version: "", guests: true, registration: "invite" }));
  return await new Promise<Session>((enter) => new Door(root, server, why, invite, enter));
}

class Door {
  private way: Way;
  private form = h("form", { class: "door-form", noValidate: true });
  private status = h("p", { class: "door-status", aria: { live: "polite" }, role: "status" });
  private tabs = h("div", { class: "door-ways", role: "group", aria: { label: "How to come in" } });

  constructor(
    root: HTMLElement,
    private server: ServerInfo,
    why: string,
    private invite: string,
    private enter: (session: Session) => void,
  ) {
    this.way = invite !== "" && server.registration !== "closed" ? "register" : server.guests ? "guest" : "login";
    say(this.status, sentence(why));
    const main = h(
      "main",
      { class: "door" },
      h("h1", {}, "Chat"),
      h("p", { class: "door-place" }, location.host),
      this.tabs,
      this.form,
      this.status,
    );
    fill(root, main);
    document.title = "Chat: come in";
    this.show();
  }

  private show(): void {
    const ways = (["guest", "login", "register"] as Way[]).filter(
      (w) => w === "login" || (w === "guest" ? this.server.guests : this.server.registration !== "closed"),
    );
    const buttons = ways.map((way) =>
      h(
        "button",
        {
          type: "button",
          aria: { pressed: String(way === this.way) },
          on: {
            click: () => {
              this.way = way;
              say(this.status, "");
              this.show();
            },
          },
        },
        WAYS[way].tab,
      ),
    );
    fill(this.tabs, ...(buttons.length > 1 ? buttons : []));
    const needsInvite = this.way === "register" && (this.server.registration === "invite" || this.invite !== "");
    const name = field("Name", "name", "text", "username", this.way === "guest" ? "Others see you as ~name. Nothing is kept for your next visit." : "");
    const password = field(
      "Password",
      "password",
      "password",
      this.way === "register" ? "new-password" : "current-password",
      this.way === "register" ? "At least 8 characters." : "",
    );
    const code = field("Invitation", "invite", "text", "off", "The code an admin gave you.");
    if (needsInvite) code.input.value = this.invite;
    const go = h("button", { type: "submit", class: "primary" }, WAYS[this.way].go);
    fill(this.form, name.row, this.way === "guest" ? null : password.row, needsInvite ? code.row : null, go);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      const body: Record<string, string> = { name: name.input.value.trim() };
      if (this.way !== "guest") body.password = password.input.value;
      if (needsInvite && code.input.value.trim() !== "") body.invite = code.input.value.trim();
      void this.go(body, go, { name, password, invite: code });
    };
    name.input.focus();
  }

  private async go(
    body: Record<string, string>,
    button: HTMLButtonElement,
    fields: Record<string, ReturnType<typeof field>>,
  ): Promise<void> {
    const { way } = this;
    for (const f of Object.values(fields)) f.input.removeAttribute("aria-invalid");
    button.disabled = true;
    say(button, WAYS[way].busy);
    say(this.status, "");
    try {
      this.enter(await Session.open(way, body));
    } catch (error) {
      const failure = Failure.from(error);
      say(this.status, sentence(failure.message));
      button.disabled = false;
      say(button, WAYS[way].go);
      // A wrong password does not say which of the two is wrong; it mostly is the password.
      const wrong = fields[failure.field ?? (failure.code === "unauthorized" ? "password" : "name")] ?? fields.name;
      if (failure.field || failure.code === "unauthorized") wrong?.input.setAttribute("aria-invalid", "true");
      if (failure.code === "unauthorized") wrong?.input.select();
      wrong?.input.focus();
    }
  }
}

function field(label: string, name: string, type: string, autocomplete: AutoFill, hint: string) {
  const id = `door-${name}`;
  const input = h("input", { id, name, type, autocomplete, required: true, spellcheck: false });
  input.setAttribute("autocapitalize", "none");
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  const note = hint ? h("p", { id: `${id}-hint`, class: "hint" }, hint) : null;
  return { row: h("div", { class: "field" }, h("label", { htmlFor: id }, label), input, note), input };
}
