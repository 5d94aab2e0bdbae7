/** The checker's door: a loaded spec in, diagnostics and, if there is no error, the plan out. */
import { loadSpec, SpecError, type LoadedSpec } from "../dsl/load.ts";
import type { Registries } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";
import type { ResolvedTiles } from "../plan/tiles.ts";
import { schedules } from "../schedule/registry.ts";
import { devices } from "../target/device/registry.ts";
import { traceOf, type Diagnostic, type Finding } from "./diagnostic.ts";
import { judge } from "./judge.ts";
import { displayPath } from "./place.ts";

export { codes, type Code } from "./codes.ts";
export { hasErrors, type Diagnostic } from "./diagnostic.ts";
export { renderDiagnostics, summarise } from "./render.ts";

export const registries: Registries = { schedules, devices };

export interface CheckResult {
  /** All of them, by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** Present when no diagnostic is an error. */
  readonly plan?: Plan;
  /** The tiles of each kernel with how each number was chosen (written, first choice, auto). */
  readonly resolved: readonly ResolvedTiles[];
}

export async function checkSpec(
  loaded: LoadedSpec,
  using: Registries = registries,
): Promise<CheckResult> {
  const { findings, resolved, plan } = judge(loaded.spec, using);
  const diagnostics = await placed(findings, loaded);
  return { diagnostics, resolved, ...(plan === undefined ? {} : { plan }) };
}

/** Loads and checks a file; a spec that does not load is a result like any other. */
export async function checkFile(
  path: string,
  using: Registries = registries,
): Promise<CheckResult & { readonly text: string; readonly loaded?: LoadedSpec }> {
  try {
    const loaded = await loadSpec(path);
    return { ...(await checkSpec(loaded, using)), loaded, text: loaded.text };
  } catch (failure) {
    if (!(failure instanceof SpecError)) throw failure;
    return { diagnostics: failure.diagnostics, resolved: [], text: failure.text };
  }
}

async function placed(
  findings: readonly Finding[],
  { path, text }: LoadedSpec,
): Promise<readonly Diagnostic[]> {
  if (findings.length === 0) return [];
  const { locate } = await import("./locate.ts");
  const file = displayPath(path);
  const diagnostics: Diagnostic[] = [];
  for (const finding of findings) {
    const { code, severity, message, rule, nearest, note } = finding;
    const place = await locate(text, finding);
    const trace = traceOf(finding);
    const base = { code, severity, file, ...place, message, trace, rule, nearest };
    diagnostics.push(note === undefined ? base : { ...base, note });
  }
  return diagnostics.sort(
    (a, b) => a.line - b.line || a.column - b.column || a.code.localeCompare(b.code),
  );
}
