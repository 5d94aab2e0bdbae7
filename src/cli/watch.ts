/** `build --watch`: builds again when a spec, or a file that it may import, changes. */
import { watch } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Outcome } from "./command.ts";
import { failureOf } from "./failure.ts";
import { readIfThere } from "./files.ts";
import { interrupted, interruptedExit } from "./interrupt.ts";
import type { Output } from "./output.ts";

/** Editors write a file in several steps; one build answers them all. */
const QUIET_MS = 100;
const WATCHED = /\.(ts|json)$/;

/** Never resolves by itself: Ctrl-C ends it. */
export async function watchSpecs(
  paths: readonly string[],
  out: Output,
  build: () => Promise<Outcome>,
): Promise<Outcome> {
  const rebuild = async (): Promise<void> => {
    try {
      await build();
    } catch (thrown) {
      const { message, stack } = failureOf(thrown);
      out.note(stack ?? `error: ${message}`);
    }
    out.note(out.paint.dim("watching, Ctrl-C to stop"));
  };
  let running = rebuild();
  let timer: NodeJS.Timeout | undefined;
  const changed = (name: string | null): void => {
    if (name !== null && !WATCHED.test(name)) return;
    clearTimeout(timer);
    // After the build that runs: two at once would write the same files.
    timer = setTimeout(() => {
      running = running.then(rebuild);
    }, QUIET_MS);
  };
  for (const folder of new Set(paths.flatMap(foldersOf))) {
    const watcher = watch(folder, { signal: interrupted }, (_event, name) => changed(name));
    watcher.on("error", () => watcher.close());
  }
  await new Promise((stop) => interrupted.addEventListener("abort", stop));
  return { exit: interruptedExit(), results: {} };
}

/** The spec's own folder and those of its relative imports: a whole tree may hold node_modules. */
function foldersOf(spec: string): readonly string[] {
  const own = dirname(resolve(spec));
  const imports = (readIfThere(spec) ?? "").matchAll(/from\s+["'](\.[^"']+)["']/g);
  return [own, ...[...imports].map((match) => dirname(resolve(own, match[1] ?? ".")))];
}
