/** A loaded spec in; diagnostics and, if there is no error, the plan out. */
import { layerOrigin } from "../dsl/brand.ts";
import { type LoadedSpec, loadSpec, SpecError } from "../dsl/load.ts";
import type { Registries } from "../lower/lower.ts";
import type { ResolvedTiles } from "../lower/tiles.ts";
import type { Plan } from "../plan/plan.ts";
import { defined } from "../spec/defined.ts";
import { unreadBeside } from "./beside.ts";
import { codes } from "./codes.ts";
import { type Diagnostic, type Finding, traceOf } from "./diagnostic.ts";
import { judge } from "./judge.ts";
import { withLegalValues } from "./nearest.ts";
import { displayPath } from "./place.ts";
import type { Member } from "./several.ts";

export interface CheckResult {
  /** All of them, by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** Present when no diagnostic is an error. */
  readonly plan?: Plan;
  /** The tiles of each kernel with how each number was chosen (written, first choice, auto). */
  readonly resolved: readonly ResolvedTiles[];
  /** Of a spec of several schedules: all that may take part, also while nothing is decided. */
  readonly members?: readonly Member[];
  /** Where nothing but who is faster is missing: a plan with any that can for each bucket. */
  readonly undecided?: Plan;
}

async function checkLoaded(loaded: LoadedSpec, using: Registries): Promise<CheckResult> {
  const { findings, resolved, plan, members, undecided } = judge(loaded.spec, using);
  const beside = unreadBeside(loaded);
  const legalValues = withLegalValues(loaded.spec, findings, using);
  const diagnostics = await placed([...legalValues, ...beside], loaded);
  const legal = plan !== undefined && beside.length === 0;
  return {
    diagnostics,
    resolved,
    ...(legal ? { plan } : {}),
    ...defined({ members }),
    ...(undecided !== undefined && beside.length === 0 ? { undecided } : {}),
  };
}

export interface FileResult extends CheckResult {
  /** The spec's text, for excerpts; empty where the file could not be read. */
  readonly text: string;
  /** Absent where the spec did not load. */
  readonly loaded?: LoadedSpec;
}

/**
 * Loads and checks a file; a spec that does not load is a result like any other. Throws only what
 * is a fault of ours: anything but a `SpecError`.
 */
export async function checkPath(path: string, using: Registries): Promise<FileResult> {
  try {
    const loaded = await loadSpec(path);
    return { ...(await checkLoaded(loaded, using)), loaded, text: loaded.text };
  } catch (failure) {
    if (!(failure instanceof SpecError)) throw failure;
    return { diagnostics: failure.diagnostics, resolved: [], text: failure.text };
  }
}

/** A value that a config gave is not in the spec: say which field it was. */
function noteOf(
  { path, note }: Finding,
  fields: Readonly<Record<string, string>>,
): string | undefined {
  const field = path[0] === "layer" ? fields[path.slice(1).join(".")] : undefined;
  const origin = field === undefined ? undefined : `the value is ${field} of the config`;
  return [origin, note].filter((part) => part !== undefined).join("; ") || undefined;
}

async function placed(
  findings: readonly Finding[],
  { path, text, spec }: LoadedSpec,
): Promise<readonly Diagnostic[]> {
  if (findings.length === 0) return [];
  const { locate } = await import("./locate.ts");
  const file = displayPath(path);
  const fields = layerOrigin(spec.layer)?.fields ?? {};
  const diagnostics: Diagnostic[] = [];
  for (const finding of findings) {
    const { code, severity, message, nearest, rule = codes[code].rule } = finding;
    const note = noteOf(finding, fields);
    const place = await locate(text, finding);
    const trace = traceOf(finding);
    const base = { code, severity, file, ...place, message, trace, rule, nearest };
    diagnostics.push(note === undefined ? base : { ...base, note });
  }
  return diagnostics.sort(
    (a, b) => a.line - b.line || a.column - b.column || a.code.localeCompare(b.code),
  );
}
