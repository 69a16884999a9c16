// What happens at the pages now and then: texts that are taken away, rooms far back, rooms that are closed, being kept
// out, and texts with code in them.

import { accessible, ask, field, guest, must, say, shows, until } from "./page.mjs";

const body = (page) => page.evaluate(() => document.documentElement.innerHTML);

export const stories = {
  /** Somebody is erased with all they wrote: nobody who watches keeps a word of it on the screen. */
  async erased() {
    const [ana, bob] = [await guest("ana"), await guest("bob")];
    for (const text of ["the first secret", "the second secret"]) {
      await ask(`say ${text}`);
      await shows(bob, text);
    }
    await bob.locator("li.message", { hasText: "the second secret" }).hover();
    await bob.getByRole("button", { name: "Reply", exact: true }).click();
    await say(bob, "an answer that stays");
    for (const page of [ana, bob]) await page.locator(".quote", { hasText: "the second secret" }).waitFor();
    // While somebody answers, too.
    await ana.locator("li.message", { hasText: "the first secret" }).hover();
    await ana.getByRole("button", { name: "Reply", exact: true }).click();
    await ask("erase");
    for (const page of [ana, bob]) {
      await until("the texts are gone", async () => !(await body(page)).includes("secret"));
      must((await page.getByText("Message deleted").count()) === 2, "it is said that something stood there");
      await page.locator(".quote", { hasText: "deleted" }).waitFor();
      await shows(page, "an answer that stays");
      await until("nobody is called so any more", async () => (await page.getByText("tester", { exact: true }).count()) === 0);
    }
    await say(ana, "after it");
    await shows(bob, "after it");
    await bob.reload();
    await shows(bob, "after it");
    must(!(await body(bob)).includes("secret"), "nor is it there later");
  },

  /** A room with a long past: what is kept of it stays small, and every place in it can be reached. */
  async far() {
    await ask("fill 1500");
    await ask("answer 3 about the third");
    const page = await guest("ana");
    await shows(page, "about the third");
    const lines = () => page.locator("li.message").count();
    // To what was answered 1,497 messages ago, at once.
    await page.locator(".quote", { hasText: "line 3 " }).click();
    await until("it has the focus", async () => ((await page.evaluate(() => document.activeElement?.textContent)) ?? "").includes("line 3 of"));
    await until("newer ones follow", async () => {
      await page.locator(".timeline").hover();
      await page.mouse.wheel(0, 3_000);
      return (await page.locator("li.message", { hasText: "line 900 of" }).count()) === 1;
    });
    must((await lines()) <= 700, `no more is kept than is needed, not ${await lines()} messages`);
    const seen = (await page.locator("li.message .text").allTextContents()).map((t) => Number(/^line (\d+)/.exec(t)?.[1]));
    must(seen.every((n, i) => i === 0 || n === seen[i - 1] + 1), "without a hole and nothing twice");
    // What is said meanwhile is counted, and does not come out of its place.
    await ask("say meanwhile");
    await page.getByRole("button", { name: "1 new ↓" }).waitFor();
    must((await page.locator("li.message", { hasText: "meanwhile" }).count()) === 0, "it stands at the end, which is not here");
    await page.getByRole("button", { name: "1 new ↓" }).click();
    await shows(page, "meanwhile");
    await say(page, "back at the end");
    await shows(page, "back at the end");
    await until("the beginning is reached by scrolling", async () => {
      await page.locator(".timeline").hover();
      await page.mouse.wheel(0, -6_000);
      return (await page.getByText("This is the beginning").count()) === 1;
    });
    must((await lines()) <= 700, `nor then, not ${await lines()} messages`);
    // Writing leads to the end.
    await say(page, "from above");
    await shows(page, "from above");
  },

  /** A private room: who is not in it is told what to do, and who owns it lets others in. */
  async invitation() {
    const ana = await guest("ana");
    await ana.getByRole("button", { name: "Find or make a room" }).click();
    const dialog = ana.getByRole("dialog");
    await dialog.getByLabel("Name").fill("cellar");
    await dialog.getByLabel("Private").check();
    await dialog.getByRole("button", { name: "Make room" }).click();
    await ana.getByRole("heading", { name: "#cellar" }).waitFor();
    await ana.getByText("Nothing was said here yet").waitFor();
    await say(ana, "only for us");
    const bob = await guest("bob");
    await bob.evaluate(() => (location.hash = "#/cellar"));
    await bob.getByRole("button", { name: "Join #cellar" }).click();
    await bob.getByText("who is in it has to invite you").waitFor();
    await accessible(bob, "a room that one is not in");
    await ana.getByLabel("Invite by name").fill("nobody-at-all");
    await ana.getByRole("button", { name: "Invite", exact: true }).click();
    await ana.getByText("There is nobody called nobody-at-all.").waitFor();
    await accessible(ana, "a private room");
    await ana.getByLabel("Invite by name").fill("~bob");
    await ana.getByRole("button", { name: "Invite", exact: true }).click();
    await ana.getByText("~bob is in.").waitFor();
    await bob.getByRole("link", { name: "#cellar" }).click();
    await shows(bob, "only for us");
    await say(bob, "thank you");
    await shows(ana, "thank you");
  },

  /** A ban while connected: the door, and why. */
  async banned() {
    const ana = await guest("ana", { calm: true });
    await say(ana, "hello");
    await shows(ana, "hello");
    await ask("ban ~ana");
    await ana.getByText(/banned/i).waitFor();
    await ana.getByLabel("Name").fill("ana");
    must((await ana.locator("li.message").count()) === 0, "nothing of the rooms is left");
    must((await ana.evaluate(() => sessionStorage.getItem("chat.session"))) === null, "nor of the session");
  },

  /** Nobody is in a room yet: what there is stands in the middle, on a phone too. */
  async welcome() {
    for (const [width, height] of [[1280, 800], [390, 844]]) {
      const page = await guest(`ana${width}`, { width, height, touch: width < 500 });
      await page.getByRole("button", { name: "Leave" }).click();
      await page.getByRole("heading", { name: "Welcome" }).waitFor();
      await page.getByRole("button", { name: "Join #lobby" }).waitFor();
      await accessible(page, `the welcome at ${width}`);
      await page.getByRole("button", { name: "Join #lobby" }).click();
      await field(page).waitFor();
    }
  },

  /** Code, emphasis, lists and quotes; what only looks like them stays as it is. */
  async markdown() {
    const ana = await guest("ana");
    const cases = [
      ["```rust\nfn main() { <b>x</b> }\n```", ".text pre code", "fn main() { <b>x</b> }"],
      ["run `rm -rf *` now", ".text code", "rm -rf *"],
      ["this is **very** good", ".text strong", "very"],
      ["this is *quite* good", ".text em", "quite"],
      ["> they said\n> so\nwell", ".text blockquote", "they said\nso"],
      ["- one\n- two", ".text", "• one\n• two"],
      ["snake_case_name and 2 * 3 * 4", ".text", "snake_case_name and 2 * 3 * 4"],
      ["```\nan open fence", ".text", "```\nan open fence"],
      ["@ana and @bob", ".text .call.me", "@ana"],
      ["at https://bank.example@evil.example/login", ".text .leads", " (to evil.example)"],
      ["**https://example.org/a**", '.text strong a[href="https://example.org/a"]', "https://example.org/a"],
    ];
    for (const [written, place, shown] of cases) {
      await ask(`say ${written}`);
      const found = ana.locator("li.message").last().locator(place).last();
      await until(`${written} is shown as ${shown}`, async () => {
        return (await found.count()) === 1 && (await found.textContent()) === shown;
      });
    }
    must((await ana.locator(".text b, .text img").count()) === 0, "no markup came of a text");
    await accessible(ana, "a room with code in it");
  },
};
