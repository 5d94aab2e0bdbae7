/**
 * The dearest files first, so that at the end no core waits for one that began last: on two cores that
 * is minutes. Seconds on two quiet cores in November 2026, some scaled from a busy run or processor seconds of
 * `MOEGEN_CPU_LOG` (cpu.ts); others are cheap.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const SECONDS: Readonly<Record<string, number>> = {
  "into/pypi": 65,
  "kernel/examples": 60,
  "mutants/sample": 95,
  "fuzz/fuzz": 80,
  "sweep/finalists": 65,
  "sweep/command": 60,
  "cli/init": 60,
  "sweep/ray": 45,
  "sweep/nodes": 30,
  "into/kill": 60,
  "time/ssh": 50,
  "kernel/formats": 30,
  "into/build": 45,
  "kernel/hostile": 45,
  "schedule/tiny": 38,
  "emit/python": 37,
  "cli/disk": 37,
  "dsl/load": 34,
  "emit/reached": 32,
  "kernel/full-size": 31,
  "kernel/arithmetic": 30,
  "kernel/matrix": 30,
  "into/refused": 25,
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
