/** Loads and checks the specs of a command line; what is wrong with them is shown here. */
import { resolve } from "node:path";
import type { Diagnostic, Member } from "../check/index.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import type { Plan } from "../plan/plan.ts";
import { type Outcome, outcome } from "./command.ts";
import { EXIT } from "./exit.ts";
import { UsageError } from "./failure.ts";
import { interrupted } from "./interrupt.ts";
import type { Output } from "./output.ts";

export interface CheckedSpec {
  /** As the user wrote it. */
  readonly path: string;
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

export interface Checked {
  /** Those without an error, in the order given. */
  readonly specs: readonly CheckedSpec[];
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
  const diagnostics: Diagnostic[] = [];
  for (const path of distinct(paths)) {
    const told = setInterval(() => out.progress(`loading ${path} ...`), PATIENCE_MS);
    const { loaded, text, members = [], ...checked } = await checkFile(path);
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
      specs.push({ path, loaded, plan, members, undecided: undecided !== undefined });
    }
  }
  if (diagnostics.length > 0) out.note(summarise(diagnostics));
  return { specs, diagnostics, ok: !hasErrors(diagnostics) };
}

/**
 * The one spec of a command that takes no more, or, where it has an error, how the command ends.
 *
 * @param devices those that the command is asked for, whatever the spec names
 * @throws UsageError one of them cannot multiply the spec's weights
 */
export async function checkSpec(
  paths: readonly string[],
  out: Output,
  devices: readonly string[] = [],
  options: CheckOptions = {},
): Promise<(CheckedSpec & Pick<Checked, "diagnostics">) | Outcome> {
  const { specs, diagnostics, ok } = await checkSpecs(paths, out, options);
  const [spec] = specs;
  if (!ok || spec === undefined) return outcome(EXIT.failed, { diagnostics });
  await refuseDevices(spec.plan, devices);
  return { ...spec, diagnostics };
}

async function refuseDevices({ layer }: Plan, names: readonly string[]): Promise<void> {
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
