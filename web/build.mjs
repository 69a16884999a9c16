// Bundles the two pages into dist/: names that change with their contents, so that a browser may keep them for ever;
// each file also compressed, so that the server never has to. The same sources give the same bytes.
// Files that already have the right bytes are left alone: nothing is compiled again for them.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const made = new Map();

const bundled = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts", docs: "src/docs.ts", style: "src/style.css" },
  outdir: "dist",
  entryNames: "[name].[hash]",
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  // The plain modules of the library; what else it exports is for Node.
  conditions: ["browser"],
  legalComments: "none",
  logLevel: "warning",
});
const names = {};
for (const file of bundled.outputFiles) {
  const name = file.path.slice(dist.length + 1);
  names[name.replace(/\.[^.]+\.(js|css)$/, ".$1")] = name;
  made.set(name, Buffer.from(file.contents));
}
const icon = readFileSync(join(here, "src/icon.svg"));
names["icon.svg"] = `icon.${createHash("sha256").update(icon).digest("hex").slice(0, 8).toUpperCase()}.svg`;
made.set(names["icon.svg"], icon);
for (const page of ["index.html", "docs.html"]) {
  const text = readFileSync(join(here, "src", page), "utf8");
  made.set(page, Buffer.from(text.replace(/"\/web\/([a-z.]+)"/g, (_, name) => `"/web/${names[name]}"`)));
}
for (const [name, bytes] of [...made]) {
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } };
  made.set(`${name}.br`, brotliCompressSync(bytes, best));
  made.set(`${name}.gz`, gzipSync(bytes, { level: 9 }));
}
mkdirSync(dist, { recursive: true });
for (const old of readdirSync(dist)) {
  if (!made.has(old) && old !== ".gitignore") rmSync(join(dist, old), { recursive: true });
}
for (const [name, bytes] of made) {
  let same = false;
  try {
    same = readFileSync(join(dist, name)).equals(bytes);
  } catch {
    // It is new.
  }
  if (!same) writeFileSync(join(dist, name), bytes);
}
for (const name of Object.values(names)) {
  console.log(`web/dist/${name}  ${made.get(name).length} bytes, ${made.get(`${name}.br`).length} compressed`);
}
