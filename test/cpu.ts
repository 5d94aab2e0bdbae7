/**
 * Where the CPU seconds of a run go: with MOEGEN_CPU_LOG=FILE, a line for each test and each file, of
 * the process and of all its children that ended. `sort -rn FILE` has the dearest first; `sequence.ts` is
 * written from it.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { afterAll, afterEach, beforeEach, expect } from "vitest";

/** Of /proc: Linux counts in ticks of 10 ms. */
const TICKS = 100;

/** CPU seconds of this process since its start: its own, and what it waited for. */
function used(): number {
  const [, after = ""] = readFileSync("/proc/self/stat", "utf8").split(/\) (?=[A-Z] )/);
  // From the state, which is field 3: user, system, and both of the children, are 14 to 17.
  const fields = after.split(" ").slice(11, 15).map(Number);
  return fields.reduce((sum, ticks) => sum + ticks, 0) / TICKS;
}

/** What of a process that runs file after file was told already. */
const told = globalThis as { moegenCpuTold?: number };

/** Registers the hooks that append to `file`. */
export function logCpu(file: string): void {
  const line = (seconds: number, what: string, name: string): void =>
    appendFileSync(file, `${seconds.toFixed(2)}\t${what}\t${name}\n`);
  const path = (): string => relative(process.cwd(), expect.getState().testPath ?? "");
  let start = 0;
  beforeEach(() => {
    start = used();
  });
  afterEach(() => {
    line(used() - start, "test", `${path()} > ${expect.getState().currentTestName}`);
  });
  afterAll(() => {
    const now = used();
    line(now - (told.moegenCpuTold ?? 0), "file", path());
    told.moegenCpuTold = now;
  });
}
