// What people do at the pages every day, and what must never happen there.

import { join } from "node:path";
import { accessible, ask, connected, field, guest, must, open, say, shows, stage, texts, until } from "./page.mjs";

export const stories = {
  async talk() {
    const [ana, bob] = [await guest("ana"), await guest("bob")];
    await say(ana, "hello from the page");
    await shows(bob, "hello from the page");
    await field(bob).pressSequentially("hm");
    await ana.getByText("~bob is typing …").waitFor();
    await say(bob, "and back, see https://example.org/a?b=1.");
    await shows(ana, "and back");
    const link = ana.getByRole("link", { name: "https://example.org/a?b=1" });
    must((await link.getAttribute("rel")).includes("noopener"), "a link opens without a way back");
    // A reply, a reaction, an edit, a deletion, each seen on the other side.
    const first = (page) => page.locator("li.message", { has: page.locator(".text", { hasText: "hello from the page" }) });
    await first(bob).hover();
    await bob.getByRole("button", { name: "Reply", exact: true }).click();
    await say(bob, "an answer");
    await ana.locator("li.message", { hasText: "an answer" }).locator(".quote", { hasText: "hello from the page" }).waitFor();
    await first(bob).hover();
    await bob.getByRole("button", { name: "React" }).click();
    await bob.getByRole("menuitem", { name: "🎉" }).click();
    await first(ana).getByRole("button", { name: /🎉 1/ }).click();
    await first(bob).getByRole("button", { name: /🎉 2/ }).waitFor();
    await first(ana).hover();
    await ana.getByRole("button", { name: "Edit", exact: true }).click();
    await say(ana, "hello, changed");
    await shows(bob, "hello, changed");
    await bob.getByText("edited", { exact: true }).waitFor();
    await ana.locator("li.message", { has: ana.locator(".text", { hasText: "hello, changed" }) }).hover();
    await ana.getByRole("button", { name: "Delete", exact: true }).click();
    await bob.getByText("Message deleted").waitFor();
    // Who is there.
    await ana.getByRole("complementary", { name: /^People/ }).getByText("~bob", { exact: true }).first().waitFor();
    await bob.context().close();
    await until("bob is told as gone", async () => (await ana.locator(".person.offline").count()) === 1);
  },

  async rooms() {
    const [ana, bob] = [await guest("ana"), await guest("bob")];
    await ana.getByRole("button", { name: "Find or make a room" }).click();
    const dialog = ana.getByRole("dialog");
    await dialog.getByLabel("Name").fill("kitchen");
    await dialog.getByLabel("Topic").fill("what to eat");
    await dialog.getByRole("button", { name: "Make room" }).click();
    await ana.getByRole("heading", { name: "#kitchen" }).waitFor();
    await ana.getByText("what to eat").waitFor();
    await bob.getByRole("button", { name: "Find or make a room" }).click();
    await bob.getByRole("dialog").getByLabel("Find").fill("kitch");
    await bob.getByRole("button", { name: /Join #kitchen/ }).click();
    await bob.getByRole("heading", { name: "#kitchen" }).waitFor();
    await say(bob, "soup");
    await shows(ana, "soup");
    // What is said elsewhere is counted, and what is read is not.
    await ana.getByRole("link", { name: "#lobby" }).click();
    await field(ana).waitFor();
    await say(bob, "or rice, ~ana @~ana");
    const row = ana.getByRole("link", { name: /#kitchen/ });
    await row.getByText("1 unread").waitFor({ state: "attached" });
    await until("the title counts", async () => (await ana.title()).startsWith("(1) "));
    await row.click();
    await ana.getByText("New", { exact: true }).waitFor();
    await until("it is read", async () => (await row.getByText("unread").count()) === 0);
    // A direct conversation.
    await ana.getByRole("complementary", { name: /^People/ }).getByRole("button", { name: /Message ~bob/ }).click();
    await ana.getByRole("heading", { name: "~bob" }).waitFor();
    await say(ana, "only for you");
    await bob.getByRole("link", { name: /^~ana/ }).click();
    await shows(bob, "only for you");
    await bob.getByRole("link", { name: "#kitchen" }).click();
    await bob.getByRole("button", { name: "Leave" }).click();
    await until("bob has left", async () => (await bob.getByRole("link", { name: "#kitchen" }).count()) === 0);
  },

  async history() {
    await ask("fill 230");
    const page = await guest("ana");
    await shows(page, "line 230");
    const before = await page.locator("li.message").count();
    must(before <= 60, `one page is read at first, not ${before} messages`);
    const middle = page.locator("li.message", { hasText: "line 185 " });
    await page.locator(".timeline").hover();
    await until("the beginning is reached", async () => {
      await page.mouse.wheel(0, -2_000);
      return (await page.getByText("This is the beginning").count()) === 1;
    });
    must((await page.locator("li.message").count()) === 230, "all are there, each once");
    // What is in sight stays where it is while something is added above and below.
    await middle.scrollIntoViewIfNeeded();
    const top = (await middle.boundingBox()).y;
    await ask("say meanwhile");
    await shows(page, "meanwhile");
    must(Math.abs((await middle.boundingBox()).y - top) < 2, "nothing moves under the reader");
    await page.getByRole("button", { name: /1 new|To the end/ }).click();
    await page.locator("li.message", { hasText: "meanwhile" }).waitFor();
  },

  async hostile() {
    const ana = await guest("ana");
    const told = await ask("hostile");
    for (const text of told) await until(`shown inert: ${text.shown}`, async () => (await texts(ana)).includes(text.shown));
    must((await ana.locator(".text img, .text script, .text iframe, .name img").count()) === 0, "no markup came of a text");
    must((await ana.locator('a[href^="javascript:"], a[href^="data:"]').count()) === 0, "only addresses of the web are links");
    must((await ana.evaluate(() => globalThis.pwned)) === undefined, "nothing ran");
    const wide = await ana.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    must(wide <= 0, "a long word makes nothing wider");
    await until("the name is inert", async () => (await ana.locator(".name").allTextContents()).some((n) => n.includes("<b>")));
    await ana.locator("li.message").first().scrollIntoViewIfNeeded();
    await accessible(ana, "a hostile room");
  },

  async restart() {
    const [ana, bob] = [await guest("ana", { calm: true }), await guest("bob", { calm: true })];
    await say(ana, "before");
    await shows(bob, "before");
    await ask("kill");
    await ana.getByText("not connected", { exact: true }).waitFor();
    for (const text of ["while away 1", "while away 2"]) await say(ana, text);
    await until("what waits is shown", async () => (await ana.locator("li.draft").count()) === 2);
    await ask("start");
    for (const text of ["while away 1", "while away 2"]) await shows(bob, text);
    await say(bob, "welcome back");
    await shows(ana, "welcome back");
    const all = ["before", "while away 1", "while away 2", "welcome back"];
    for (const page of [ana, bob]) {
      await until("nothing is lost and nothing doubled", async () => (await texts(page)).join() === all.join());
    }
    must((await ana.locator("li.draft").count()) === 0, "nothing waits any more");
  },

  async reload() {
    const [ana, bob] = [await guest("ana", { calm: true }), await guest("bob", { calm: true })];
    await ask("kill");
    await ana.getByText("not connected", { exact: true }).waitFor();
    await say(ana, "written without a line");
    // The answer to what was sent is lost: it is sent again, and stored once.
    await ask("start");
    await shows(bob, "written without a line");
    await ana.route("**/*", (route) => (route.request().url().includes("/socket.io/") ? route.abort() : route.continue()));
    await ask("kill");
    await ana.getByText("not connected", { exact: true }).waitFor();
    await say(ana, "written before the reload");
    await ask("start");
    await ana.reload();
    const kept = await ana.evaluate(() => Object.values(sessionStorage).join());
    must(kept.includes("written before the reload"), "what waits is on disk");
    await ana.unroute("**/*");
    await ana.reload();
    await shows(bob, "written before the reload");
    await shows(ana, "written before the reload");
    await ana.reload();
    await shows(ana, "written before the reload");
    const all = ["written without a line", "written before the reload"];
    for (const page of [ana, bob]) {
      await until("each once", async () => (await texts(page)).join() === all.join());
    }
    must((await ana.getByText("~ana").count()) > 0, "still the same guest");
  },

  async keyboard() {
    const page = await open();
    await page.goto(`${stage.url}/#/lobby`);
    const key = (...keys) => keys.reduce((done, k) => done.then(() => page.keyboard.press(k)), Promise.resolve());
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
    await page.getByLabel("Name").waitFor();
    await page.keyboard.type("kim");
    await key("Enter");
    await page.getByRole("button", { name: "Join #lobby" }).waitFor();
    await until("the button is reached by Tab", async () => {
      await key("Tab");
      return (await focused()) === "Join #lobby";
    });
    await key("Enter");
    await until("the field has the focus", async () => (await focused()).startsWith("Message to"));
    await page.keyboard.type("by keys alone");
    await key("Shift+Enter");
    await page.keyboard.type("two lines");
    await key("Enter");
    await shows(page, "by keys alone\ntwo lines");
    // Up into the messages, into what can be done with one, and out again.
    await key("ArrowUp");
    await key("ArrowUp", "Enter", "Enter", "ArrowRight", "Enter");
    await page.getByRole("button", { name: /❤️ 1/ }).waitFor();
    await key("Escape");
    await until("back in the field", async () => (await focused()).startsWith("Message to"));
    await key("ArrowUp", "ArrowUp", "Enter");
    await until("Edit is reached", async () => {
      await key("Tab");
      return (await focused()) === "Edit";
    });
    await key("Enter");
    await until("the text is there to change", async () => (await field(page).inputValue()).startsWith("by keys"));
    await key("Control+a");
    await page.keyboard.type("changed by keys");
    await key("Enter");
    await shows(page, "changed by keys");
    // Every focus is seen.
    for (let i = 0; i < 25; i++) {
      await key("Tab");
      const seen = await page.evaluate(() => {
        const at = document.activeElement;
        return at === document.body || getComputedStyle(at).outlineStyle !== "none";
      });
      must(seen, `the focus on ${await focused()} is seen`);
    }
  },

  async access() {
    const page = await open();
    await page.goto(stage.url);
    await page.getByLabel("Name").waitFor();
    await accessible(page, "the door");
    for (const dark of [false, true]) {
      for (const [width, height] of [[1280, 800], [390, 844]]) {
        const ana = await guest(`ana-${dark ? "d" : "l"}${width}`, { width, height, dark });
        await say(ana, `hello at ${width}`);
        await shows(ana, `hello at ${width}`);
        await accessible(ana, `the room at ${width}, ${dark ? "dark" : "light"}`);
        if (width < 800) {
          await ana.getByRole("button", { name: /of \d+ here/ }).click();
          await accessible(ana, "the people on a phone");
          await ana.getByRole("button", { name: "Close" }).click();
          await ana.getByRole("link", { name: "‹ Rooms" }).click();
        }
        await ana.getByRole("button", { name: "Find or make a room" }).click();
        await ana.getByRole("button", { name: /(Join|Open) #lobby/ }).waitFor();
        await accessible(ana, `finding a room at ${width}, ${dark ? "dark" : "light"}`);
      }
      const docs = await open({ dark });
      await docs.goto(`${stage.url}/docs`);
      await docs.getByText("/api/v1/rooms/{room}/messages", { exact: true }).first().click();
      await accessible(docs, `the interface, ${dark ? "dark" : "light"}`);
    }
  },

  async account() {
    const page = await open({ calm: true });
    await page.goto(stage.url);
    await page.getByRole("button", { name: "Register" }).click();
    await page.getByLabel("Name").fill("carla");
    await page.getByLabel("Password").fill("short");
    await page.getByRole("button", { name: "Make account" }).click();
    await page.getByText(/password/i).last().waitFor();
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Make account" }).click();
    await connected(page);
    must(!(await page.evaluate(() => JSON.stringify(localStorage))).includes("refresh"), "no token outlives the tab");
    // Two tabs with the same session, one a copy of the other: both live on.
    const state = await page.evaluate(() => sessionStorage.getItem("chat.session"));
    const twin = await page.context().newPage();
    await twin.goto(stage.url);
    await twin.evaluate((kept) => sessionStorage.setItem("chat.session", kept), state);
    await twin.reload();
    await connected(twin);
    await page.reload();
    await connected(page);
    await twin.reload();
    await connected(twin);
    // Elsewhere the session is ended: the page says so and shows the door.
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("button", { name: "Log in" }).first().waitFor();
    await twin.getByText("Your session has ended").waitFor();
    await page.getByRole("button", { name: "Log in" }).first().click();
    await page.getByLabel("Name").fill("carla");
    await page.getByLabel("Password").fill("wrong horse battery");
    await page.locator("form button[type=submit]").click();
    await page.getByText("Wrong name or password").waitFor();
    await page.getByLabel("Password").fill("correct horse battery");
    await page.locator("form button[type=submit]").click();
    await connected(page);
  },

  async docs() {
    const page = await open({ calm: true });
    const token = await ask("token");
    await page.goto(`${stage.url}/docs`);
    await page.getByLabel("Token", { exact: true }).fill(token);
    const operation = (verb, path) => page.locator("details", { has: page.getByText(path, { exact: true }) }).filter({ has: page.locator(`.verb.${verb}`) });
    const me = operation("get", "/api/v1/me");
    await me.locator("summary").click();
    await me.getByRole("button", { name: "Send" }).click();
    await me.getByText(/200 OK/).waitFor();
    await me.locator("pre", { hasText: '"name": "tester"' }).waitFor();
    const post = operation("post", "/api/v1/rooms/{room}/messages");
    await post.locator("summary").click();
    await post.getByLabel("room", { exact: true }).fill("lobby");
    await post.getByLabel("Body", { exact: true }).fill('{"text": "tried from the page"}');
    await post.getByRole("button", { name: "Send" }).click();
    await post.getByText(/201 Created/).waitFor();
    await post.getByRole("button", { name: "As curl" }).click();
    await post.locator("pre", { hasText: "curl -X POST" }).waitFor();
    // Events as they come, by fetch: a header carries the token, which EventSource could not.
    const events = operation("get", "/api/v1/rooms/{room}/events");
    await events.locator("summary").click();
    await events.getByLabel("room", { exact: true }).fill("lobby");
    await events.getByRole("button", { name: "Send" }).click();
    await events.getByRole("button", { name: "Stop" }).waitFor();
    await until("the stream tells", async () => {
      await ask("say over the stream");
      return (await events.locator("pre").textContent()).includes("over the stream");
    });
    await events.getByRole("button", { name: "Stop" }).click();
    await events.getByText("Stopped.").waitFor();
    await page.getByLabel("Find", { exact: true }).fill("webhook");
    await until("others are hidden", async () => (await me.isVisible()) === false);
  },

  async shots() {
    const scene = await ask("scene");
    for (const [name, width, height, dark] of [["desktop-light", 1280, 800, false], ["desktop-dark", 1280, 800, true], ["phone-light", 390, 844, false], ["phone-dark", 390, 844, true]]) {
      const page = await open({ width, height, dark, touch: width < 500 });
      await page.goto(`${stage.url}/#/lobby`);
      await page.getByLabel("Name").waitFor();
      if (name.startsWith("phone")) await page.screenshot({ path: join(stage.shots, `web-door-${name}.png`) });
      await page.getByRole("button", { name: "Log in" }).first().click();
      await page.getByLabel("Name").fill(scene.name);
      await page.getByLabel("Password").fill(scene.password);
      await page.locator("form button[type=submit]").click();
      await page.locator("li.message").last().waitFor();
      await until("the people are there", async () => (await page.locator(".person").count()) > 2);
      await page.mouse.move(0, 0);
      await page.screenshot({ path: join(stage.shots, `web-${name}.png`) });
      if (name.startsWith("phone")) {
        await page.getByRole("link", { name: "‹ Rooms" }).click();
        await page.screenshot({ path: join(stage.shots, `web-rooms-${name}.png`) });
      }
      const docs = await open({ width, height, dark });
      await docs.goto(`${stage.url}/docs`);
      await docs.locator("details").first().waitFor();
      const post = docs.locator("details", { has: docs.getByText("/api/v1/rooms/{room}/messages", { exact: true }) }).nth(1);
      if (dark) await post.locator("summary").click();
      if (dark) await post.scrollIntoViewIfNeeded();
      await docs.screenshot({ path: join(stage.shots, `docs-${name}.png`) });
      await page.context().close();
      await docs.context().close();
    }
  },
};
