/** What the compiler counted of a kernel, by stage: of that others' bundles are put together. */

import { allOf } from "../plan/call.ts";
import type { KernelPlan, Stage } from "../plan/plan.ts";
import { profileKernel } from "../profile/profile.ts";
import type { CompileTargetResult, Loop } from "../runner/types.ts";
import { deviceOf } from "../target/device/registry.ts";
import type { Prepared } from "./prepare.ts";
import { groupBy } from "./winners.ts";

/** Of one stage, whatever scopes are around it. */
export interface StageCount {
  /** Of all its bundles, each once. */
  readonly bundles: number;
  /** Bundles of its loops' bodies without the loops inside them, by depth. */
  readonly loops: readonly { readonly depth: number; readonly own: number }[];
  /** Of one run. */
  readonly cycles: number;
}

/** One compiled kernel. */
export interface Counted {
  readonly prepared: Prepared;
  readonly stages: ReadonlyMap<string, StageCount>;
  /** Cycles of a call that are in no stage. */
  readonly own: number;
}

/** By stage; undefined where the compiler dumped no schedule. */
export function countedOf(prepared: Prepared, target: CompileTargetResult): Counted | undefined {
  const { bundles } = target;
  if (!bundles?.profile) return undefined;
  const { stages } = allOf(prepared.kernel);
  const profile = profileKernel(bundles.profile, stages, deviceOf(prepared.id.device));
  const cycles = new Map(
    profile.stages.flatMap(({ stage, cycles, runs }) =>
      runs > 0 ? [[stage, cycles / runs] as const] : [],
    ),
  );
  const loops = groupBy(flat(bundles.loops), ({ scope }) => lastOf(scope));
  const counts = groupBy(Object.entries(bundles.scopes), ([scope]) => lastOf(scope));
  const bundlesOf = ({ name }: Stage): number =>
    (counts.get(name) ?? []).reduce((sum, [, count]) => sum + count, 0);
  /** Of a body that no call with equal routing comes to: as one for other rows. */
  const cyclesOf = (stage: Stage): number => {
    const own = cycles.get(stage.name);
    const like = familyIn(prepared.kernel, stage).find(({ name }) => cycles.has(name));
    if (own !== undefined || like === undefined) return own ?? bundlesOf(stage);
    return (bundlesOf(stage) * (cycles.get(like.name) ?? 0)) / Math.max(1, bundlesOf(like));
  };
  const countOf = (stage: Stage): StageCount => ({
    bundles: bundlesOf(stage),
    loops: (loops.get(stage.name) ?? []).map(({ depth, own }) => ({ depth, own })),
    cycles: cyclesOf(stage),
  });
  return {
    prepared,
    stages: new Map(stages.map((stage) => [stage.name, countOf(stage)])),
    own: profile.stages.find(({ stage }) => stage === "")?.cycles ?? 0,
  };
}

/** Bodies of a kernel that do the same as a stage for as many rows or others. */
export function familyIn(kernel: KernelPlan, stage: Stage): readonly Stage[] {
  const family = familyOf(stage);
  return allOf(kernel).stages.filter(
    (other) => other.rows !== undefined && familyOf(other) === family,
  );
}

const familyOf = ({ name, rows }: Stage): string =>
  name.endsWith(`_${rows}`) ? name.slice(0, -String(rows).length) : name;

const lastOf = (scope: string): string => scope.split("/").at(-1) ?? "";

function flat(loops: readonly Loop[]): readonly Loop[] {
  return loops.flatMap((loop) => [loop, ...flat(loop.loops)]);
}
