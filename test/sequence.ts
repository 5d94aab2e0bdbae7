/**
 * The dearest files first, so that at the end no core waits for one that began last: on two cores that
 * is minutes. Seconds of a run on two quiet cores in November 2026, some scaled from a busy run; others are cheap.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const SECONDS: Readonly<Record<string, number>> = {
  "into/pypi": 255,
  "into/build": 193,
  "kernel/examples": 110,
  "mutants/sample": 110,
  "sweep/command": 109,
  "into/refused": 90,
  "kernel/hostile": 70,
  "sweep/finalists": 65,
  "cli/init": 60,
  "into/kill": 60,
  "fuzz/fuzz": 50,
  "time/ssh": 50,
  "kernel/formats": 46,
  "emit/python": 40,
  "schedule/tiny": 38,
  "cli/disk": 37,
  "dsl/load": 34,
  "kernel/arithmetic": 30,
  "kernel/matrix": 30,
  "fuzz/own-checks": 25,
  "house/package": 25,
  "into/hostile": 24,
  "kernel/quantized-rows": 18,
};

function secondsOf({ moduleId }: TestSpecification): number {
  const found = Object.keys(SECONDS).find((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return found === undefined ? 0 : (SECONDS[found] ?? 0);
}

export class DearestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    return [...others].sort((a, b) => secondsOf(b) - secondsOf(a));
  }
}
