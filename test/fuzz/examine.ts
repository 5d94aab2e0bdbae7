/**
 * One spec through everything that needs no Python, as a user's file: diagnostics that say where and
 * what, or a plan that builds. What breaks a promise throws.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createColors } from "picocolors";
import { codes } from "../../src/check/codes.ts";
import {
  checkFile,
  type Diagnostic,
  hasErrors,
  registries,
  renderDiagnostics,
} from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { withLegalValues } from "../../src/check/nearest.ts";
import { explainPlan } from "../../src/cli/explain/page.ts";
import { layerOrigin } from "../../src/dsl/brand.ts";
import type { LoadedSpec } from "../../src/dsl/load.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { emitLayers } from "../../src/emit/layers.ts";
import { moe } from "../../src/index.ts";
import { expertMemory } from "../../src/lower/hbm.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { nearestHolds } from "./nearest.ts";
import { textOf } from "./specs.ts";

export interface Accepted {
  readonly loaded: LoadedSpec;
  readonly plan: Plan;
  readonly files: ReadonlyMap<string, string>;
}

export interface Examined {
  readonly codes: readonly string[];
  /** Absent: refused, or of several kinds of layers. */
  readonly accepted?: Accepted;
  /** Of several kinds of layers. Absent: refused. */
  readonly layers?: Pick<Accepted, "files"> & { readonly name: string };
}

/** Words that a template or a message shows where it was given nothing. */
const HOLE = /\bundefined\b|\bNaN\b(?!`)|\[object /;
/** What a kernel's author is told in words, where NaN is a value that rows may have. */
const PROSE = /"""[\s\S]*?"""|#.*$/gm;

function promise(kept: boolean, what: string): void {
  if (!kept) throw new Error(what);
}

function examineDiagnostic(diagnostic: Diagnostic, lines: readonly string[]): void {
  const { code, line, column, endColumn, message, rule, nearest, trace } = diagnostic;
  const said = `${code} at ${line}:${column}, "${message}"`;
  promise(code in codes, `${said}: the code is not known`);
  const width = lines[line - 1]?.length;
  const inside = width !== undefined && column >= 1 && endColumn > column;
  promise(inside && endColumn <= width + 2, `${said}: the place is not in the file`);
  promise(message !== "" && rule !== "" && trace.length > 0, `${said}: it says too little`);
  promise(!/\n|\[object /.test(message), `${said}: it is not a sentence`);
  promise(!nearest.some((value) => HOLE.test(String(value))), `${said}: nearest is ${nearest}`);
}

async function build(loaded: LoadedSpec, plan: Plan): Promise<Accepted> {
  const { spec } = loaded;
  const buckets = Object.keys(spec.schedule.tiles);
  const made = plan.kernels.map(({ bucket, device }) => `${bucket} ${device}`);
  const wanted = buckets.flatMap((bucket) => spec.devices.map((device) => `${bucket} ${device}`));
  promise(made.join() === wanted.join(), `kernels ${made} of ${wanted}`);
  for (const { bucket, device, vmem, smem } of plan.kernels) {
    const fits = vmem.used <= vmem.available && smem.used <= smem.available;
    promise(fits, `${bucket} on ${device} does not fit`);
  }
  const again: unknown = JSON.parse(JSON.stringify(plan));
  promise(JSON.stringify(again) === JSON.stringify(plan), "the plan is not plain data");
  const { layer, mesh } = spec;
  const { schedules, devices } = registries;
  const schedule = schedules[plan.schedule];
  const layers = layerOrigin(layer)?.layers;
  const memory = expertMemory(layer, mesh, layers, { schedule, devices });
  const page = explainPlan(plan, plan.kernels, memory, createColors(false)).join("\n");
  promise(!HOLE.test(page), `explain shows a hole: ${HOLE.exec(page)?.[0]}`);
  const files = await emitPackage(plan);
  withoutHoles(files);
  return { loaded, plan, files };
}

function withoutHoles(files: ReadonlyMap<string, string>): void {
  for (const [file, text] of files) {
    const code = text.replace(PROSE, "");
    promise(!HOLE.test(code), `${file} has a hole: ${HOLE.exec(code)?.[0]}`);
    promise(!/^\s*(?:from|import)\s+moegen/m.test(text), `${file} needs moegen`);
  }
}

/** `folder` is for the spec file. */
export async function examine(input: unknown, folder: string): Promise<Examined> {
  const path = join(folder, "spec.moe.ts");
  const text = textOf(input);
  await writeFile(path, text);
  return examineFile(path);
}

export async function examineFile(path: string): Promise<Examined> {
  const { diagnostics, plan, loaded, text, kinds } = await checkFile(path);
  const lines = text.split("\n");
  for (const diagnostic of diagnostics) examineDiagnostic(diagnostic, lines);
  JSON.stringify(diagnostics);
  const texts = Object.fromEntries(diagnostics.map(({ file }) => [file, text]));
  renderDiagnostics(diagnostics, { color: false, texts });
  const said = diagnostics.map(({ code }) => code);
  if (kinds !== undefined) {
    promise((kinds.length === 0) === hasErrors(diagnostics), "kinds beside errors, or neither");
    const name = loaded?.spec.name;
    if (name === undefined || kinds.length === 0) return { codes: said };
    const files = await emitLayers({ name, kinds });
    withoutHoles(files);
    return { codes: said, layers: { name, files } };
  }
  promise((plan === undefined) === hasErrors(diagnostics), "a plan beside errors, or neither");
  if (loaded !== undefined && diagnostics.length > 0) {
    const found = judge(loaded.spec, registries).findings;
    for (const finding of withLegalValues(loaded.spec, found, registries)) {
      promise(
        nearestHolds(loaded.spec, finding, (spec) => judge(moe(spec), registries).findings),
        `${finding.code} "${finding.message}": nearest legal ${finding.nearest} is not`,
      );
    }
  }
  if (plan === undefined || loaded === undefined) return { codes: said };
  return { codes: said, accepted: await build(loaded, plan) };
}
