/** What the templates of the package say of a plan of this schedule. */
import { argumentsContext } from "../../kernel/api/arguments.ts";
import { headerContext } from "../../kernel/api/context.ts";
import { type Context, contextOf } from "../../kernel/context.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import { layoutOf } from "../../kernel/rows/layout.ts";
import { planShared } from "../../kernel/shared-experts/spread.ts";
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { composition } from "./composition.ts";
import { LEAST_ROUND, ROUND_SHARE, sizesOf } from "./sizes.ts";

/** Arguments of the call as a kernel takes them that sends nothing itself. */
function callContext(plan: Plan): Context {
  const alone = { ...plan, mesh: { ...plan.mesh, ep: 1 } };
  const shared = planShared(plan);
  const { expertArrays: routed, lastArrays, ...all } = argumentsContext(alone, shared);
  const expertArrays = `${String(routed)}${String(lastArrays)}`;
  const count = expertArrays.split(", ").length;
  // Rows by expert, beside the weights; and those for the shared experts.
  return { ...all, expertArrays, arrayCount: count + (shared === undefined ? 1 : 2) };
}

/** This device's tokens' sums of all devices, with what their identity experts give. */
function ownSums({ layer, mesh: { ep } }: Plan, axes: string): string {
  const sums = ep === 1 ? "sums" : `lax.psum_scatter(sums.astype(DTYPE), ${axes}, tiled=True)`;
  return layer.identityExperts === undefined ? sums : `(${sums} + identity)`;
}

/**
 * What the templates of all parts are told, from the plan's first kernel and the kinds of all.
 * @throws RangeError for a plan without a kernel.
 */
export function gmmContext(plan: Plan): Context {
  const { layer, mesh, kernels } = plan;
  const [first] = kernels;
  if (first === undefined) throw new RangeError("the plan has no kernel");
  const { ep, axes, tokenAxes } = mesh;
  const tokenAxesName = tokenAxes.length < axes.length ? "TOKEN_ORDER" : "MESH_AXES";
  const input: KernelInput = {
    ...{ layer, ep, device: deviceOf(first.device), layout: layoutOf(layer) },
    ...{ parts: 0, streamed: isStreamed(kernels), rows: "vmem", atOnce: 1, narrow: false },
    sizes: sizesOf(ep, first.tokens),
    tiles: { ...first.tiles, early: 0, rowBlock: first.tiles.bt },
  };
  return {
    ...headerContext(plan),
    ...callContext(plan),
    ...contextOf(composition, plan, input),
    ownSums: ownSums(plan, tokenAxesName),
    // Where tokens are replicated each device has a share of them in between.
    tokenAxesName,
    collectsText: ep === 1 ? "" : ", gathers all devices' token rows",
    returnsText:
      ep === 1
        ? ""
        : `, and gives each device its own tokens' sums (reduce-scatter in ${layer.dtype})`,
    roundShare: ROUND_SHARE,
    leastRound: LEAST_ROUND,
    resultsText: isStreamed(kernels)
      ? "sums             (rows, HIDDEN_SIZE) float32"
      : `results          (rows, HIDDEN_SIZE) ${layer.dtype}`,
    sharedResults: "sums        ",
    operandDtype: layer.dtype,
    rowGroup: "ROW_GROUP",
  };
}
