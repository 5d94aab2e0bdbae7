import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { DearestFirst } from "./sequence.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Four hours. */
const FAR = 4 * 3600 * 1000;

export default defineConfig({
  root,
  // Tests read the sources; what spawns the command line runs `dist`, as users do.
  resolve: { alias: { moegen: fileURLToPath(new URL("../src/index.ts", import.meta.url)) } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    // Never a matter of the machine: what hangs is a worker's, which its own limits end by
    // progress (src/runner/progress.ts); these are only so that nothing waits for ever.
    testTimeout: FAR,
    hookTimeout: FAR,
    teardownTimeout: 600_000,
    sequence: { sequencer: DearestFirst },
    setupFiles: process.env.MOEGEN_CPU_LOG === undefined ? [] : ["test/cpu.ts"],
    pool: "forks",
    maxWorkers: 2,
  },
});
