// A person at the page: opening one, writing, waiting for what shows, and asking the test for what only it can do.
//
// Every page is watched: an error in the console, a violation of the policy or an exception fails the story.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.CHAT_E2E_MODULES);
export const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

export const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const hear = async () => JSON.parse((await lines.next()).value ?? "null");
export const ask = async (what) => {
  tell({ type: "ask", what });
  return (await hear()).answer;
};
const PATIENCE = 20_000;

/** What all stories share: where the server is, the browser, where pictures go, and what went wrong in the pages. */
export const stage = { url: "", browser: null, shots: "", faults: [] };

export function must(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** Asks until it holds. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

/** A page of its own: nobody else's storage. `calm`: the network may fail on purpose. */
export async function open({ width = 1280, height = 800, dark = false, calm = false, touch = false } = {}) {
  const context = await stage.browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    locale: "en-GB",
    timezoneId: "UTC",
    hasTouch: touch,
    isMobile: touch,
    reducedMotion: "reduce",
    // The checker of accessibility is put in from outside; the page itself never gets an exception.
    bypassCSP: false,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.on("pageerror", (error) => stage.faults.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => dialog.accept());
  page.on("console", (message) => {
    const text = message.text();
    const network = /Failed to load resource|WebSocket connection|net::ERR/.test(text);
    if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(text)) stage.faults.push(`policy: ${text}`);
    else if (message.type() === "error" && !(network && (calm || page.away))) stage.faults.push(`console: ${text}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(stage.url) && !request.url().startsWith(stage.url.replace("http", "ws"))) {
      stage.faults.push(`asked elsewhere: ${request.url()}`);
    }
  });
  return page;
}

export const field = (page) => page.getByRole("textbox", { name: /^Message to/ });
export const texts = (page) => page.locator("li.message:not(.draft) .text").allTextContents();
export const shows = (page, text) => page.locator("li.message:not(.draft) .text", { hasText: text }).first().waitFor();
export const connected = (page) => page.locator('.state[data-state="online"]').waitFor({ state: "attached" });

export async function guest(name, options = {}) {
  const page = await open(options);
  await page.goto(`${stage.url}/#/${options.room ?? "lobby"}`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Come in" }).click();
  await page.getByRole("button", { name: /^Join #/ }).click();
  await field(page).waitFor();
  return page;
}

export async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** Accessibility: no violation of WCAG A and AA, and none of the best practices. */
export async function accessible(page, where) {
  const session = await page.context().newCDPSession(page);
  // Into a world of its own, to which the page's policy does not apply.
  const { frameTree } = await session.send("Page.getFrameTree");
  const world = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
  const run = async (expression) => {
    const done = await session.send("Runtime.evaluate", {
      expression,
      contextId: world.executionContextId,
      awaitPromise: true,
      returnByValue: true,
    });
    if (done.exceptionDetails) throw new Error(done.exceptionDetails.exception?.description ?? "axe failed");
    return done.result.value;
  };
  await run(axe);
  const found = await run(
    `axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.map((v) => v.id + ": " +
     v.nodes.map((n) => n.html.slice(0, 120) + " | " + n.failureSummary).join(" || ")))`,
  );
  must(found.length === 0, `${where} is accessible: ${found.join("\n")}`);
}
