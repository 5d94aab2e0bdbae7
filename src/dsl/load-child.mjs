/**
 * The process that runs specs, and nothing else: what they print goes to stderr, what they end or hang
 * is this process. Plain JavaScript, because a test starts it beside the sources.
 *
 *   node load-child.mjs ENTRY BEATS      ENTRY is what `import … from "moegen"` means; after so many
 *                                        quarters of a second in which a spec only waits, it ends
 */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { Worker } from "node:worker_threads";
import { createJiti } from "jiti";
import { encode } from "./wire.mjs";

// A fresh module cache for every load, so that `build --watch` sees a changed spec or config;
// transpiled text is cached on disk by content, which is what makes a warm load quick.
const jiti = createJiti(import.meta.url, {
  alias: { moegen: process.argv[2] ?? "" },
  moduleCache: false,
});

/** @type {string | undefined} */
let loading;

/** Number of the load that runs, for the thread that watches it; 0 between loads. */
const running = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let loads = 0;
const workerData = { load: running, beats: Number(process.argv[3]) };
new Worker(new URL("load-watch.mjs", import.meta.url), { workerData }).unref();

/** @param {Record<string, unknown>} answer */
function answer(answer) {
  loading = undefined;
  Atomics.store(running, 0, 0);
  const { user, system } = process.cpuUsage();
  process.send?.({ ...answer, cpu: (user + system) / 1e6 });
  // The next question may come at any time.
  process.channel?.ref();
}

/** What jiti puts before a module's text, on its first line. */
const WRAPPER =
  "(async function (exports, require, module, __filename, __dirname, jitiImport, jitiESMResolve) { ";

/**
 * A stack with the lines of the spec as it was written: transpiling moves its imports to the top.
 * @param {string} path
 * @param {string} stack
 */
function asWritten(path, stack) {
  const source = readFileSync(path, "utf8");
  const mapping = createJiti(import.meta.url, { sourceMaps: true });
  const code = mapping.transform({ source, filename: path, ts: true, async: true });
  const inline = /sourceMappingURL=data:application\/json;[^,]*base64,(\S+)/.exec(code)?.[1] ?? "";
  const map = new SourceMap(JSON.parse(Buffer.from(inline, "base64").toString("utf8")));
  const [head = "", ...frames] = stack.split(`${path}:`);
  const rest = frames.map((frame) =>
    frame.replace(/^(\d+):(\d+)/, (place, line, column) => {
      const before = line === "1" ? WRAPPER.length : 0;
      const entry = map.findEntry(Number(line) - 1, Math.max(0, Number(column) - 1 - before));
      if (!("originalLine" in entry)) return place;
      return `${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    }),
  );
  return [head, ...rest].join(`${path}:`);
}

/** @param {unknown} thrown */
function failed(thrown) {
  const path = loading;
  if (path === undefined) return;
  if (!(thrown instanceof Error)) {
    answer({ kind: "thrown", given: encode(thrown) });
    return;
  }
  let stack = String(thrown.stack);
  try {
    stack = asWritten(path, stack);
  } catch {
    // A spec that does not parse has no other lines.
  }
  const code = String(Reflect.get(thrown, "code"));
  answer({ kind: "thrown", error: { message: String(thrown.message), stack, code } });
}

const leave = process.exit;
/** @type {Error | undefined} */
let ended;
process.exit = (/** @type {number | string | null | undefined} */ code) => {
  if (loading === undefined) return leave(code);
  ended = new Error(`process.exit(${code ?? ""}) in a spec: a spec is described, not ended`);
  throw ended;
};

process.on("message", async (/** @type {string} */ path) => {
  loading = path;
  Atomics.store(running, 0, ++loads);
  ended = undefined;
  // What is left to do keeps the process alive; with nothing left, a spec still awaited never ends.
  process.channel?.unref();
  try {
    const exported = await jiti.import(path);
    if (ended !== undefined) throw ended;
    const made =
      typeof exported === "object" && exported !== null && "default" in exported
        ? exported.default
        : undefined;
    answer({ kind: "made", made: encode(made) });
  } catch (thrown) {
    failed(ended ?? thrown);
  }
});
process.on("beforeExit", () => {
  if (loading !== undefined) answer({ kind: "stuck" });
});
// What a spec leaves behind (a promise that fails, a timer that throws) is the load's failure, or of
// nobody.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (thrown) => {
    if (loading !== undefined) failed(thrown);
  });
}
process.on("disconnect", () => leave(0));
