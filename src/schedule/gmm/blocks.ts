/** Which of their answers the functions of this schedule have in a plan. */

import { referenceBlocks } from "../../emit/blocks.ts";
import { apiBlocks } from "../../kernel/api/blocks.ts";
import { NO_BLOCK } from "../../kernel/part.ts";
import { planShared } from "../../kernel/shared-experts/spread.ts";
import { scaleBlockTemplate } from "../../kernel/weights/quantization.ts";
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { tokenRows } from "../../spec/formats.ts";
import { axesOf, devicesOf } from "../../spec/mesh.ts";

const HERE = "gmm";

type Blocks = Readonly<Record<string, string>>;

/** What goes between devices before and after the experts. */
function collectiveBlocks({ mesh }: Plan): Blocks {
  const { ep, tokenAxes } = mesh;
  const alone = devicesOf(mesh) === 1;
  const replicated = tokenAxes.length < axesOf(mesh).length;
  return {
    collected: alone ? NO_BLOCK : `${HERE}/collected/distributed`,
    returned: alone ? NO_BLOCK : `${HERE}/returned/distributed`,
    entries: `${HERE}/entries/${ep === 1 ? "alone" : "distributed"}`,
    result: `${HERE}/result/${replicated && !alone ? "replicated" : "own"}`,
  };
}

/** Token rows of 8 bits: quantised before they leave, and brought with their scales. */
function rowBlocks({ layer }: Plan): Blocks {
  const quantized = tokenRows(layer) !== undefined;
  const kind = quantized ? "quantized" : "plain";
  const when = (name: string): string => (quantized ? `${HERE}/operand/${name}` : NO_BLOCK);
  return {
    row_copies: `${HERE}/row_copies/${kind}`,
    narrow_groups: quantized ? `${HERE}/row_copies/narrow_groups` : NO_BLOCK,
    own_slots: `${HERE}/own_slots/${kind}`,
    quantize_tokens: when("dispatch"),
    quantized_tokens: when("quantized_tokens"),
  };
}

/** What XLA does for the shared experts, and their sizes. */
function sharedBlocks(plan: Plan): Blocks {
  const { shared_scale_arrays = NO_BLOCK } = apiBlocks(plan);
  const gated = plan.layer.sharedExperts?.gate === "sigmoid";
  const shared = planShared(plan);
  const when = (name: string): string => (shared === undefined ? NO_BLOCK : name);
  return {
    shared_scale_arrays: when(shared_scale_arrays),
    // Rows are not padded here.
    shared_gate_array: gated ? "kernel/api/arrays/shared_gate" : NO_BLOCK,
    shared_rows: when(`${HERE}/shared/rows`),
    shared_tiles: when(`${HERE}/shared/shape`),
    // Where all devices have columns of their own, each of them is its own group.
    shared_constants: when("kernel/shapes/shared_constants/replicated"),
  };
}

/** Templates by the name of what they answer. */
export function gmmBlocks(plan: Plan): Blocks {
  const { layer } = plan;
  const {
    check_devices = NO_BLOCK,
    scale_arrays = NO_BLOCK,
    gate_up_bias_array = NO_BLOCK,
    routing_arrays = NO_BLOCK,
  } = apiBlocks(plan);
  const { reference_groups = NO_BLOCK } = referenceBlocks(plan);
  const biased = layer.biases === true;
  const shared = planShared(plan);
  const identity = layer.identityExperts !== undefined;
  return {
    ...{ check_devices, scale_arrays, gate_up_bias_array, routing_arrays, reference_groups },
    own_biases: biased && plan.mesh.tp !== undefined ? `${HERE}/own_biases` : NO_BLOCK,
    down_bias_array: biased ? `${HERE}/down_bias` : NO_BLOCK,
    routes: `${HERE}/routes/${layer.routing.where === "given" ? "given" : "chosen"}`,
    words: `${HERE}/words/${layer.dtype}`,
    packed_columns: `${HERE}/packed_columns/${layer.dtype}`,
    begin_sums: `${HERE}/begin_sums/${shared === undefined ? "zero" : "shared"}`,
    identity: identity ? `${HERE}/identity/rows` : NO_BLOCK,
    identity_added: identity ? `${HERE}/identity/added` : NO_BLOCK,
    identity_dispatch: identity ? `${HERE}/identity/dispatch` : NO_BLOCK,
    ...(isStreamed(plan.kernels)
      ? {
          tile_slots: `kernel/experts/streamed/slots/${shared === undefined ? "first" : "after_shared"}`,
          first_weights: `${HERE}/streamed/first_weights/${shared === undefined ? "routed" : "shared"}`,
          row_bias_copies: biased ? `${HERE}/streamed/bias_copies` : NO_BLOCK,
        }
      : { weight_slot: "kernel/experts/resident/slot/first" }),
    scale_block: scaleBlockTemplate(layer),
    ...collectiveBlocks(plan),
    ...rowBlocks(plan),
    ...sharedBlocks(plan),
  };
}
