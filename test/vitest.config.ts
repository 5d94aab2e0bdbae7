import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { DearestFirst } from "./sequence.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Four hours. */
const FAR = 4 * 3600 * 1000;

const FILES = ["test/**/*.test.ts"];
/** Those with settings of the environment, or with a module in another one's place. */
const APART = ["test/{runner,sweep}/*.test.ts", "test/kernel/arithmetic.test.ts"];

export default defineConfig({
  root,
  // Tests read the sources; what spawns the command line runs `dist`, as users do.
  resolve: { alias: { moegen: fileURLToPath(new URL("../src/index.ts", import.meta.url)) } },
  test: {
    globalSetup: ["test/global-setup.ts"],
    // Never a matter of the machine: what hangs is a worker's, which its own limits end by
    // progress (src/runner/progress.ts); these are only so that nothing waits for ever.
    testTimeout: FAR,
    hookTimeout: FAR,
    teardownTimeout: 600_000,
    sequence: { sequencer: DearestFirst },
    setupFiles: ["test/each-file.ts"],
    pool: "forks",
    maxWorkers: 2,
    projects: [
      // Loading the generator takes most files longer than their tests: a process loads it once.
      { extends: true, test: { name: "shared", include: FILES, exclude: APART, isolate: false } },
      { extends: true, test: { name: "apart", include: APART } },
    ],
  },
});
