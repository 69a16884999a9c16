// Stories of people at the page, in a real browser (Debian's Chromium, driven by playwright-core). One JSON object a
// line.
//
// In: first {url, story, chromium, shots?}; then {answer} to each question. Out: {type: "ask", what} for what only the
// test can do (`kill`, `start`, `say TEXT`) · {type: "told", …} · {type: "done"} · {type: "failed", error}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stories as daily } from "./web/daily.mjs";
import { chromium, hear, must, stage, tell } from "./web/page.mjs";
import { stories as rare } from "./web/rare.mjs";

const stories = { ...daily, ...rare };

async function main() {
  const first = await hear();
  stage.url = first.url;
  const home = mkdtempSync(join(tmpdir(), "chat-web-"));
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  args.push("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage");
  stage.shots = first.shots ?? home;
  try {
    stage.browser = await chromium.launch({ executablePath: first.chromium, args, env: { ...process.env, HOME: home } });
    await stories[first.story]();
    must(stage.faults.length === 0, `no fault in the pages:\n${stage.faults.join("\n")}`);
    tell({ type: "done" });
  } catch (error) {
    if (first.shots && stage.browser) {
      let n = 0;
      for (const context of stage.browser.contexts()) {
        for (const page of context.pages()) await page.screenshot({ path: join(stage.shots, `failed-${first.story}-${n++}.png`) }).catch(() => null);
      }
    }
    tell({ type: "failed", error: `${error.stack}\n${stage.faults.join("\n")}` });
  } finally {
    await stage.browser?.close();
    rmSync(home, { recursive: true, force: true });
  }
  process.exit(0);
}

await main();
