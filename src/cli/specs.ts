/** Loads and checks the specs of a command line; what is wrong with them is shown here. */
import { resolve } from "node:path";
import type { Diagnostic, JudgedKind, Member } from "../check/index.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import type { Plan } from "../plan/plan.ts";
import type { KindInPackage } from "../runner/types.ts";
import { UsageError } from "./failure.ts";
import { interrupted } from "./interrupt.ts";
import type { Output } from "./output.ts";

export interface CheckedSpec {
  /** As the user writes it, of one of several kinds of layers with the option that names it. */
  readonly path: string;
  /** The file. */
  readonly file: string;
  /** Of several kinds of layers: the one that this is, and all of them. */
  readonly kind?: KindInPackage;
  readonly loaded: LoadedSpec;
  readonly plan: Plan;
  /** Of several schedules: each one's own plan, of every bucket that it can run. */
  readonly members: readonly Member[];
  /** Which of them is faster is not predicted: the plan has any that can run a bucket. */
  readonly undecided: boolean;
}

export interface CheckOptions {
  /** Goes on where nothing but who of several schedules is faster is missing. */
  readonly undecided?: boolean;
}

/** A spec of several kinds of layers, without an error. */
export interface CheckedLayers {
  readonly path: string;
  readonly loaded: LoadedSpec;
  readonly name: string;
  /** Each kind as a spec of its own. */
  readonly kinds: readonly (CheckedSpec & { readonly kind: KindInPackage })[];
}

export interface Checked {
  /** Those without an error that are of one layer, in the order given. */
  readonly specs: readonly CheckedSpec[];
  /** Those of several kinds of layers. */
  readonly layers: readonly CheckedLayers[];
  readonly diagnostics: readonly Diagnostic[];
  /** False when any spec has an error. */
  readonly ok: boolean;
}

/** What takes no longer is not worth a line. */
const PATIENCE_MS = 1000;

/** All errors of all specs at once. */
export async function checkSpecs(
  paths: readonly string[],
  out: Output,
  options: CheckOptions = {},
): Promise<Checked> {
  const { endLoader, startLoader } = await import("../dsl/loader.ts");
  // Starts beside us while the rules are loaded.
  startLoader();
  interrupted.addEventListener("abort", endLoader, { once: true });
  const { checkFile, hasErrors, renderDiagnostics, summarise, UNDECIDED } = await import(
    "../check/index.ts"
  );
  const specs: CheckedSpec[] = [];
  const layers: CheckedLayers[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const path of distinct(paths)) {
    const told = setInterval(() => out.progress(`loading ${path} ...`), PATIENCE_MS);
    const { loaded, text, members = [], kinds = [], ...checked } = await checkFile(path);
    const undecided = options.undecided === true ? checked.undecided : undefined;
    const { plan = undecided } = checked;
    const found = checked.diagnostics.filter(
      ({ code }) => undecided === undefined || code !== UNDECIDED,
    );
    clearInterval(told);
    out.settle();
    interrupted.throwIfAborted();
    diagnostics.push(...found);
    if (found.length > 0) {
      const texts = Object.fromEntries(found.map((diagnostic) => [diagnostic.file, text]));
      out.note(renderDiagnostics(found, { color: out.color, texts }));
    }
    if (loaded !== undefined && plan !== undefined) {
      const known = undecided !== undefined;
      specs.push({ path, file: path, loaded, plan, members, undecided: known });
    }
    if (loaded !== undefined && kinds.length > 0) layers.push(layersIn(path, loaded, kinds));
  }
  if (diagnostics.length > 0) out.note(summarise(diagnostics));
  return { specs, layers, diagnostics, ok: !hasErrors(diagnostics) };
}

/** Each kind as a spec of its own. */
function layersIn(path: string, loaded: LoadedSpec, kinds: readonly JudgedKind[]): CheckedLayers {
  const { name } = loaded.spec;
  const each = kinds.map(({ kind, spec, plan }) => ({
    ...{ path: `${path} --kind ${kind}`, file: path, plan },
    ...{ kind: { kind, name, kinds }, loaded: { ...loaded, spec }, members: [], undecided: false },
  }));
  return { path, loaded, name, kinds: each };
}

/**
 * Refuses devices that a command is asked for, whatever the spec names.
 *
 * @throws UsageError one of them cannot multiply the spec's weights
 */
export async function refuseDevices({ layer }: Plan, names: readonly string[]): Promise<void> {
  const { registries, untaken } = await import("../check/index.ts");
  const taken = Object.values(registries.devices).filter((one) => !untaken(layer, one));
  for (const name of names) {
    const device = registries.devices[name];
    const why = device && untaken(layer, device);
    if (why === undefined) continue;
    const others = taken.map((one) => one.name).join(", ");
    throw new UsageError(`--device: ${why} (MOE127); nearest legal: ${others}`);
  }
}

/** The same file named twice is one spec. */
function distinct(paths: readonly string[]): readonly string[] {
  return [...new Map(paths.map((path) => [resolve(path), path])).values()];
}
