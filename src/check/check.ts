/** A loaded spec in; diagnostics and, if there is no error, the plan out. */
import { layerOrigin } from "../dsl/brand.ts";
import { type LoadedSpec, loadSpec, SpecError } from "../dsl/load.ts";
import type { Registries } from "../lower/lower.ts";
import type { ResolvedTiles } from "../lower/tiles.ts";
import type { Plan } from "../plan/plan.ts";
import { defined } from "../spec/defined.ts";
import { layersOf } from "../spec/layers.ts";
import { unreadBeside } from "./beside.ts";
import { codes } from "./codes.ts";
import { type Diagnostic, type Finding, traceOf } from "./diagnostic.ts";
import { judge } from "./judge.ts";
import { type JudgedKind, judgeLayers } from "./layers.ts";
import { withLegalValues } from "./nearest.ts";
import { originNote } from "./origin-note.ts";
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
  /** Of a spec of several kinds of layers, which has no plan of its own: none where there is an error. */
  readonly kinds?: readonly JudgedKind[];
}

async function checkLoaded(loaded: LoadedSpec, using: Registries): Promise<CheckResult> {
  const layers = layersOf(loaded.spec);
  if (layers !== undefined) {
    const judged = judgeLayers(layers, using, (spec) => unreadBeside({ ...loaded, spec }));
    const diagnostics = await placed(judged.findings, loaded);
    return { diagnostics, resolved: [], kinds: judged.kinds };
  }
  const { findings, resolved, plan, members, undecided } = judge(loaded.spec, using);
  const beside = unreadBeside(loaded);
  const legalValues = withLegalValues(loaded.spec, findings, using);
  const fields = layerOrigin(loaded.spec.layer)?.fields ?? {};
  const told = [...legalValues, ...beside].map((finding) => originNote(finding, fields));
  const diagnostics = await placed(told, loaded);
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

async function placed(
  findings: readonly Finding[],
  { path, text }: LoadedSpec,
): Promise<readonly Diagnostic[]> {
  if (findings.length === 0) return [];
  const { locate } = await import("./locate.ts");
  const file = displayPath(path);
  const diagnostics: Diagnostic[] = [];
  for (const finding of findings) {
    const { code, severity, message, nearest, note, rule = codes[code].rule } = finding;
    const place = await locate(text, finding);
    const trace = traceOf(finding);
    const base = { code, severity, file, ...place, message, trace, rule, nearest };
    diagnostics.push(note === undefined ? base : { ...base, note });
  }
  return diagnostics.sort(
    (a, b) => a.line - b.line || a.column - b.column || a.code.localeCompare(b.code),
  );
}
