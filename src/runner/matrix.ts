/** The feature matrix on simulated devices: row after row on workers that stay. */
import { availableParallelism } from "node:os";
import { emitPackage } from "../emit/index.ts";
import { schedules } from "../schedule/registry.ts";
import { type Feature, fields, MANY_DEVICES, type Row } from "../validate/matrix/fields.ts";
import { matrixRows } from "../validate/matrix/rows.ts";
import { callOf } from "../validate/matrix/spec.ts";
import { CaseRun } from "./case-run.ts";
import { RequestError } from "./errors.ts";
import { shareOfLimit, worstErrorOf } from "./limits.ts";
import { type LocalWorker, withWorker, writePackage } from "./local.ts";
import { inParallel } from "./parallel.ts";
import type { CaseResult, RunnerOptions } from "./types.ts";
import { planOf, sizeOf } from "./validate.ts";

/** Interpreting keeps one core busy. */
const MOST_WORKERS = 2;

export interface MatrixOptions extends RunnerOptions {
  /** 16 and 32 devices as well. */
  readonly all?: boolean;
  readonly seed?: number;
  /** Numbers of the rows to run, from 1; absent: all. */
  readonly rows?: readonly number[];
}

export interface MatrixRowResult {
  /** From 1. */
  readonly row: number;
  readonly features: Row;
  readonly tokens: number;
  readonly ok: boolean;
  /** Cases without a verdict: given up, or not begun after that. */
  readonly undecided: number;
  readonly cases: readonly CaseResult[];
  /** Largest error of a case; null where one is not finite. */
  readonly worstError: number | null;
  /** Largest share of a case's limit. */
  readonly ofLimit: number | null;
  readonly seconds: number;
}

/** How often a value was run, and right. */
export interface FeatureCount {
  readonly field: Feature;
  readonly value: string;
  readonly passed: number;
  readonly rows: number;
}

export interface MatrixResult {
  readonly ok: boolean;
  readonly undecided: number;
  readonly seed: number;
  readonly rows: readonly MatrixRowResult[];
  readonly features: readonly FeatureCount[];
  readonly seconds: number;
}

export type MatrixEvent =
  | { readonly event: "start"; readonly rows: number }
  | ({ readonly event: "row" } & MatrixRowResult);

interface Numbered {
  readonly row: number;
  readonly features: Row;
}

function chosen({ all, rows }: MatrixOptions): readonly Numbered[] {
  const numbered = matrixRows(schedules, { all: all ?? false }).map((features, index) => ({
    row: index + 1,
    features,
  }));
  return rows === undefined ? numbered : numbered.filter(({ row }) => rows.includes(row));
}

/**
 * Validates rows of the feature matrix, several at once. Throws RequestError where none is chosen,
 * EnvironmentError without Python.
 */
export async function validateMatrix(
  options: MatrixOptions = {},
  onEvent: (event: MatrixEvent) => void = () => {},
): Promise<MatrixResult> {
  const start = performance.now();
  const wanted = chosen(options);
  if (wanted.length === 0) throw new RequestError("the matrix has no such row");
  onEvent({ event: "start", rows: wanted.length });
  // The dearest first, so that no worker is left with one at the end.
  const queue = [...wanted].sort((a, b) => b.features.ep - a.features.ep);
  const results: MatrixRowResult[] = [];
  const ep = Math.max(1, ...wanted.map(({ features }) => features.ep));
  const workers = Math.max(1, Math.min(MOST_WORKERS, availableParallelism(), wanted.length));
  await inParallel(workers, options.signal, (index, signal) =>
    withWorker({ ...options, signal, ep }, async (local) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const result = await runRow(local, next, [index, workers], { ...options, signal });
        results.push(result);
        onEvent({ event: "row", ...result });
      }
    }),
  );
  results.sort((a, b) => a.row - b.row);
  return {
    ok: results.length > 0 && results.every(({ ok }) => ok),
    undecided: results.reduce((sum, row) => sum + row.undecided, 0),
    seed: options.seed ?? 0,
    rows: results,
    features: countFeatures(results),
    seconds: secondsSince(start),
  };
}

async function runRow(
  local: LocalWorker,
  { row, features }: Numbered,
  core: readonly [number, number],
  options: MatrixOptions,
): Promise<MatrixRowResult> {
  const start = performance.now();
  const call = callOf(features, row - 1, schedules);
  const plan = planOf(call.spec, `row ${row}`);
  const folder = await writePackage(await emitPackage(plan), local.folder, plan.name);
  const { split, passes, form, tokens, cases } = call;
  const subject = { plan, tokens: [tokens], bucketTokens: [], call: { split, passes, form } };
  const run = new CaseRun(subject, {
    reproduce: () => `moegen validate --matrix --rows ${row} --seed ${options.seed ?? 0}`,
    options: { ...options, cases },
    size: sizeOf(plan, true),
    onEvent: () => {},
  });
  await run.share(local, { package: folder }, [0, 1], core);
  const found = run.inOrder();
  return {
    row,
    features,
    tokens,
    ok: found.length === cases.length && found.every(({ ok }) => ok),
    undecided: run.undecided,
    cases: found,
    worstError: worstErrorOf(found),
    ofLimit: shareOfLimit(found),
    seconds: secondsSince(start),
  };
}

function countFeatures(results: readonly MatrixRowResult[]): readonly FeatureCount[] {
  const values = {
    schedule: Object.keys(schedules),
    ...fields,
    ep: [...fields.ep, ...MANY_DEVICES],
  };
  return (Object.keys(values) as readonly Feature[]).flatMap((field) =>
    values[field].flatMap((value) => {
      const rows = results.filter(({ features }) => features[field] === value);
      if (rows.length === 0) return [];
      return [
        {
          field,
          value: String(value),
          passed: rows.filter(({ ok }) => ok).length,
          rows: rows.length,
        },
      ];
    }),
  );
}

function secondsSince(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}
