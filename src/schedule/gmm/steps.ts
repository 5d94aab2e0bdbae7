/** Steps of a call: what XLA does once, and each round's two kernels with what XLA does for them. */
import type { Call, KernelPlan, PallasCall } from "../../plan/plan.ts";
import type { Job } from "../../predict/job.ts";
import { gatherRows } from "../../predict/pieces/xla.ts";
import { kernelSteps } from "../../predict/plan/kernel.ts";
import type { Step } from "../../predict/step.ts";
import type { Bundles } from "../../runner/types.ts";
import { OF_ROUND, ROW_BY_ROW } from "./calls.ts";
import { entriesOf, roundsOf } from "./rounds.ts";
import { isShared } from "./shared.ts";
import { sumSteps } from "./sum-steps.ts";
import { SUMS } from "./sums.ts";

const inRound = (call: Call): boolean => call.kind === "pallas" || OF_ROUND.has(call.name);

/** The kernel of a later round: the first one alone takes tokens through the shared experts. */
function withoutShared(call: PallasCall): PallasCall {
  const stages = call.stages.filter((stage) => !isShared(stage));
  const names = new Set(stages.map(({ name }) => name));
  return { ...call, stages, streams: call.streams.filter(({ awaitedBy }) => names.has(awaitedBy)) };
}

/** One of the calls, of all entries or of one round's. */
function stepsOf(
  call: Call,
  kernel: KernelPlan,
  bundles: Bundles,
  job: Job,
  later: boolean,
): readonly Step[] {
  if (call.kind === "xla" && call.name === ROW_BY_ROW) {
    return [gatherRows(job, call.name, call.bytes / 2)];
  }
  if (call.kind === "pallas" && call.name === SUMS) return sumSteps(call, bundles, job, later);
  const { streamed, bt } = kernel.tiles;
  const made = call.kind === "pallas" && later ? withoutShared(call) : call;
  return kernelSteps({ ...kernel, calls: [made] }, bundles, job, streamed ? { rowBlock: bt } : {});
}

/** All of a call; a skew that gives one device more than a round has room for makes more rounds. */
export function steps(kernel: KernelPlan, bundles: Bundles, job: Job): readonly Step[] {
  const { calls } = kernel;
  const each = calls.filter(inRound);
  const rounds = roundsOf(job, entriesOf(kernel)).flatMap((round, index) =>
    each.flatMap((call) => stepsOf(call, kernel, bundles, round, index > 0)),
  );
  const last = calls.findLastIndex(inRound);
  const once = (some: readonly Call[]): readonly Step[] =>
    some
      .filter((call) => !inRound(call))
      .flatMap((call) => stepsOf(call, kernel, bundles, job, false));
  return [...once(calls.slice(0, last)), ...rounds, ...once(calls.slice(last))];
}
