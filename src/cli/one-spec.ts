/** The one spec of a command that takes no more; of several kinds of layers, one kind after the other. */
import { indicesText } from "../spec/layers.ts";
import { type Outcome, outcome } from "./command.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { UsageError } from "./failure.ts";
import type { Output } from "./output.ts";
import {
  type Checked,
  type CheckedLayers,
  type CheckedSpec,
  checkSpecs,
  refuseDevices,
} from "./specs.ts";

export interface OneSpecOptions {
  /** Those that the command is asked for, whatever the spec names. */
  readonly devices?: readonly string[] | undefined;
  /** Goes on where nothing but who of several schedules is faster is missing. */
  readonly undecided?: boolean;
  /** Of a spec of several kinds of layers only these. */
  readonly kind?: readonly string[] | undefined;
  /** What is for one kind of layers at a time, in words; absent: nothing that is asked for. */
  readonly alone?: string | undefined;
  /** Says what holds for all kinds of a model together, once each was run; its results stand beside theirs. */
  readonly together?: (
    kinds: readonly CheckingSpec[],
  ) => Promise<Readonly<Record<string, unknown>>>;
}

/** A spec that a command runs on. */
export type CheckingSpec = CheckedSpec & Pick<Checked, "diagnostics">;

/**
 * Runs a command on its spec, or on each kind of its layers; where the spec has an error the command ends.
 *
 * @throws UsageError a device cannot multiply the weights, or there are no such kinds of layers
 */
export async function withSpec(
  paths: readonly string[],
  out: Output,
  options: OneSpecOptions,
  run: (spec: CheckingSpec) => Promise<Outcome>,
): Promise<Outcome> {
  const { devices = [], undecided = false } = options;
  const { specs, layers, diagnostics, ok } = await checkSpecs(paths, out, { undecided });
  const [model] = layers;
  const [spec] = specs;
  if (!ok || (spec === undefined && model === undefined)) {
    return outcome(EXIT.failed, { diagnostics });
  }
  if (spec !== undefined) {
    if (options.kind !== undefined) {
      throw new UsageError(`--kind goes with a spec that has layers; ${spec.file} is of one layer`);
    }
    await refuseDevices(spec.plan, devices);
    return run({ ...spec, diagnostics });
  }
  const kinds = chosenOf(model, options);
  for (const { plan } of kinds) await refuseDevices(plan, devices);
  const each: Readonly<Record<string, unknown>>[] = [];
  const exits: ExitCode[] = [];
  for (const one of kinds) {
    const { kind, kinds: all } = one.kind;
    const at = all.find((other) => other.kind === kind)?.at ?? [];
    if (each.length > 0) out.line();
    out.line(`${out.paint.bold(kind)}, layers ${indicesText(at)}`);
    const { exit, results } = await run({ ...one, diagnostics });
    each.push({ ...results, kind, layers: at });
    exits.push(exit);
  }
  const whole = kinds.length === model?.kinds.length;
  const all = kinds.map((one) => ({ ...one, diagnostics }));
  const more = whole ? await options.together?.(all) : undefined;
  return outcome(worstOf(exits), { name: model?.name, kinds: each, ...more, diagnostics });
}

/** Kinds that are asked for, in the spec's order. */
function chosenOf(
  model: CheckedLayers | undefined,
  { kind: asked, alone }: OneSpecOptions,
): CheckedLayers["kinds"] {
  const { kinds, file } = { kinds: model?.kinds ?? [], file: model?.path };
  const names = kinds.map(({ kind }) => kind.kind);
  const unknown = (asked ?? []).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no kind ${unknown.join(", ")}; ${file} has ${names.join(", ")}`);
  }
  const chosen = kinds.filter(({ kind }) => asked === undefined || asked.includes(kind.kind));
  if (alone !== undefined && chosen.length > 1) {
    throw new UsageError(
      `${alone} is for one kind of layers: name it with --kind (${names.join(", ")})`,
    );
  }
  return chosen;
}

/** Wrong before undecided, and that before right. */
function worstOf(exits: readonly ExitCode[]): ExitCode {
  const order: readonly ExitCode[] = [EXIT.failed, EXIT.undecided];
  return (
    order.find((exit) => exits.includes(exit)) ?? exits.find((exit) => exit !== EXIT.ok) ?? EXIT.ok
  );
}

/**
 * Refuses what would be written into the spec for each kind of layers: they may have one schedule.
 *
 * @throws UsageError the spec is of several kinds
 */
export function refuseWrite({ kind, file }: CheckedSpec): void {
  if (kind === undefined) return;
  throw new UsageError(
    `--write puts one layer's figures into a spec; ${file} has layers, whose tiles are written by hand`,
  );
}
