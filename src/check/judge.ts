/** Runs every rule over a spec. Knows nothing of files: findings carry paths, not positions. */

import { layerIncomplete } from "../dsl/brand.ts";
import { moduleNames } from "../emit/files.ts";
import { lowerSpec, type Registries } from "../lower/lower.ts";
import type { ResolvedTiles } from "../lower/tiles.ts";
import type { Plan } from "../plan/plan.ts";
import { severalOf } from "../spec/several.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Finding, SpecPath } from "./diagnostic.ts";
import { type JudgedRules, judgeKernels } from "./kernels.ts";
import {
  bucketsAscend,
  choicesDistinct,
  dimensionsThere,
  indicesFit,
  rowCountsLegal,
  rowsWithinCall,
  someBucket,
  tilesLegal,
  tokensToRoute,
} from "./rules/buckets.ts";
import { columnAxes, columnsDivide, devicesInSlice, scheduleCutsExperts } from "./rules/columns.ts";
import {
  judgeTiles,
  oneBody,
  scheduleKeepsOrder,
  sharedCutOverAll,
} from "./rules/deterministic.ts";
import { gateIsThere } from "./rules/gate.ts";
import { deviceList, nameIsFree, nameIsIdentifier, nameIsNoModule } from "./rules/identity.ts";
import { identityFits } from "./rules/identity-experts.ts";
import type { Dict } from "./rules/kinds.ts";
import {
  configProblems,
  scheduleRunsLayer,
  sharedFillLanes,
  weightsFitHbm,
} from "./rules/layer.ts";
import {
  expertsDivide,
  expertsFilledUp,
  fillingUpHelps,
  meshAxes,
  tokenAxesKnown,
} from "./rules/mesh.ts";
import {
  activationsMatchWeights,
  blocksCutRows,
  checkpointIsFloat8,
  devicesTakeWeights,
  exponentsLieInWords,
  quantizedRowsAreBfloat16,
  scaleBlocksFit,
  sharedAreNotAlone,
} from "./rules/quantization.ts";
import { passesTaken, rowsTaken } from "./rules/residence.ts";
import {
  chosenAreScored,
  epsilonFits,
  groupsFit,
  nearIsSoftmax,
  redundantFit,
  topKWithinExperts,
} from "./rules/routing.ts";
import type { Rule, RuleContext } from "./rules/rule.ts";
import { checkShape, isSound } from "./rules/shape.ts";
import { dispatchMatchesActivations, wireHasTwoEnds, wireRowsAreBfloat16 } from "./rules/wire.ts";
import { judgeSeveral, type Member } from "./several.ts";

const RULES: readonly Rule[] = [
  nameIsIdentifier,
  nameIsFree,
  configProblems,
  topKWithinExperts,
  groupsFit,
  nearIsSoftmax,
  chosenAreScored,
  epsilonFits,
  redundantFit,
  identityFits,
  gateIsThere,
  sharedFillLanes,
  scaleBlocksFit,
  exponentsLieInWords,
  checkpointIsFloat8,
  devicesTakeWeights,
  sharedAreNotAlone,
  quantizedRowsAreBfloat16,
  activationsMatchWeights,
  blocksCutRows,
  dispatchMatchesActivations,
  wireHasTwoEnds,
  wireRowsAreBfloat16,
  scheduleRunsLayer,
  scheduleKeepsOrder,
  sharedCutOverAll,
  expertsDivide,
  expertsFilledUp,
  fillingUpHelps,
  meshAxes,
  tokenAxesKnown,
  scheduleCutsExperts,
  columnsDivide,
  devicesInSlice,
  columnAxes,
  weightsFitHbm,
  deviceList,
  someBucket,
  bucketsAscend,
  choicesDistinct,
  dimensionsThere,
  tokensToRoute,
  rowsTaken,
  passesTaken,
  tilesLegal,
  rowCountsLegal,
  oneBody,
  rowsWithinCall,
  indicesFit,
];

export interface Judgement {
  readonly findings: readonly Finding[];
  /** Numbers for every bucket on every device, bucket-major; with how each was chosen. */
  readonly resolved: readonly ResolvedTiles[];
  /** Kernels that were lowered, one for each bucket on each device: what judging costs. */
  readonly lowered: number;
  /** Present when no finding is an error. */
  readonly plan?: Plan;
  /** Of a spec of several schedules: all that may take part, also while nothing is decided. */
  readonly members?: readonly Member[];
  /** Where nothing but who is faster is missing: a plan with any that can for each bucket. */
  readonly undecided?: Plan;
}

/** Findings of all rules that need no kernel lowered: cheap. */
export function judgeRules(spec: MoeSpec, registries: Registries): JudgedRules {
  const shape = checkShape(spec as unknown as Dict, {
    devices: Object.keys(registries.devices),
    schedules: registries.schedules,
  });
  const incomplete = layerIncomplete(spec.layer);
  const sound = (...path: SpecPath): boolean =>
    isSound(shape, path) && !(path[0] === "layer" && incomplete);
  const context: RuleContext = {
    spec,
    sound,
    schedule: sound("schedule", "kind") ? registries.schedules[spec.schedule.kind] : undefined,
    devices: registries.devices,
  };
  return { context, findings: [...shape, ...RULES.flatMap((rule) => rule(context))] };
}

/**
 * Findings of every rule, the tiles of every bucket on every device, and the plan where no finding
 * is an error. A part of the spec whose kinds of values are wrong is reported once and not judged
 * further, so a spec of any shape may be given.
 */
export function judge(spec: MoeSpec, registries: Registries): Judgement {
  const { context, findings: ruled } = judgeRules(spec, registries);
  const several = severalOf(spec.schedule);
  if (several !== undefined) {
    return named(spec, judgeSeveral(spec, several, registries, ruled, judgeRules));
  }
  const findings = [...ruled];
  const { resolved, findings: memory, lowered } = judgeKernels(context, findings);
  findings.push(...memory, ...judgeTiles(spec, resolved));
  if (findings.some(({ severity }) => severity === "error")) return { findings, resolved, lowered };
  return named(spec, { findings, resolved, lowered, plan: lowerSpec(spec, resolved) });
}

/** Without its plan where the package would bear the name of one of its modules. */
function named({ name }: MoeSpec, { plan, ...judged }: Judgement): Judgement {
  if (plan === undefined) return judged;
  const taken = nameIsNoModule(name, moduleNames(plan));
  if (taken.length === 0) return { ...judged, plan };
  return { ...judged, findings: [...judged.findings, ...taken] };
}
