/** Arguments of the generated call: how each is sharded, and what of it the kernel gets. */

import { pyString, pyTuple } from "../../emit/python.ts";
import type { Plan } from "../../plan/plan.ts";
import { hasBlockColumns, scaleBlock, sharedApart, sharedLayer } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { layoutOf } from "../rows/layout.ts";
import type { Shared } from "../shared-experts/spread.ts";
import { biasesContext, sharedContext, weightsContext } from "../weights/arguments.ts";
import { quantizationContext, sharedQuantizationContext } from "../weights/quantization.ts";

interface Described {
  readonly name: string;
  readonly shape: string;
  readonly size: string;
  readonly meaning: string;
}

/** One array given to each device: its partition spec and its value before that. */
interface MapInput {
  /** Its name inside `one_device`. */
  readonly name: string;
  readonly spec: string;
  readonly value: string;
  /** What the kernel is called with. */
  readonly passed: string;
}

const list = (value: unknown): readonly Described[] => value as readonly Described[];

function biasValues({ layer }: Plan): readonly MapInput[] {
  if (layer.biases !== true) return [];
  const gateUp = {
    fused: "b1",
    separate: "jnp.stack([b1, b3], axis=1)",
    side_by_side: "b1.reshape(NUM_EXPERTS, 2, INTERMEDIATE_SIZE)",
  }[layer.weights];
  const { paddedHidden } = layoutOf(layer);
  const columns = "((0, 0), (0, PADDED_HIDDEN - HIDDEN_SIZE))";
  const down = paddedHidden === layer.hidden ? "b2" : `jnp.pad(b2, ${columns})`;
  const spec = "by_expert";
  const rows = `${down}.astype(jnp.float32).reshape(NUM_EXPERTS, SUM_ROW, LANES)`;
  return [
    { name: "gate_up_bias", spec, value: `${gateUp}.astype(jnp.float32)`, passed: "gate_up_bias" },
    { name: "down_bias", spec, value: rows, passed: "down_bias" },
  ];
}

/** Scales as rows of float32, (…, K / SCALE_BLOCK, 1, N), whatever they come as. */
function scaleValue(name: string, { quantization }: Pick<LayerSpec, "quantization">): string {
  const blocks = quantization !== undefined && hasBlockColumns(quantization);
  return blocks ? `_scale_rows(${name})` : `${name}.astype(jnp.float32)`;
}

/** The constant that scales of blocks are made rows by; empty: none come as blocks. */
function rowsOfBlocks(layer: LayerSpec): string {
  const { blockColumns, sharedOwnQuantized, sharedBlockColumns } = {
    ...quantizationContext(layer),
    ...sharedQuantizationContext(layer),
  };
  if (blockColumns === true) return "SCALE_BLOCK";
  return sharedOwnQuantized === true && sharedBlockColumns === true ? "SHARED_SCALE_BLOCK" : "";
}

function scaleValues(plan: Plan): readonly MapInput[] {
  return list(weightsContext(plan.layer).scaleInputs).map(({ name }) => ({
    name,
    spec: "by_expert",
    value: scaleValue(name, plan.layer),
    passed: name,
  }));
}

function routingValues({ layer }: Plan): readonly MapInput[] {
  const { routing } = layer;
  const spec = "by_token";
  const input = (name: string, dtype: string, passed: string): MapInput => ({
    name,
    spec,
    value: `jnp.pad(${name}.astype(jnp.${dtype}), padding)`,
    passed,
  });
  if (routing.where === "given") {
    return [
      input("topk_weights", "float32", "by_choice(topk_weights)"),
      input("topk_ids", "int32", "by_choice(topk_ids)"),
    ];
  }
  const logits = input("gating_output", "float32", "logits");
  if (routing.correctionBias !== true) return [logits];
  const value = "correction_bias.astype(jnp.float32)";
  return [logits, { name: "correction_bias", spec: "P()", value, passed: "bias" }];
}

/**
 * Partition specs of the shared experts' arrays: on S where every device has its own columns.
 * Scales of blocks become rows on their way into the kernel: two axes before that, three then.
 */
function sharedSpec(
  name: string,
  shared: Shared,
  { quantization }: Pick<LayerSpec, "quantization">,
  asRows: boolean,
): string {
  if (name === "shared_gate" || shared.replicas > 1) return "P()";
  if (name === "shared_w2") return "by_expert";
  if (!name.endsWith("_scale") || quantization === undefined) return "P(None, MESH_AXES)";
  if (name === "shared_w2_scale") {
    return scaleBlock(quantization) === undefined ? "P()" : "by_expert";
  }
  return hasBlockColumns(quantization) && !asRows
    ? "P(None, MESH_AXES)"
    : "P(None, None, MESH_AXES)";
}

function sharedValues(plan: Plan, shared: Shared | undefined): readonly MapInput[] {
  if (shared === undefined) return [];
  const padded = layoutOf(plan.layer).paddedHidden !== plan.layer.hidden;
  const row = "shared_gate.astype(jnp.float32)[None]";
  const own = sharedLayer(plan.layer);
  return list(sharedContext(plan.layer).sharedInputs).map(({ name }) => ({
    name,
    spec: sharedSpec(name, shared, own, true),
    value: name.endsWith("_scale")
      ? scaleValue(name, own)
      : name !== "shared_gate"
        ? name
        : padded
          ? `_pad_hidden(${row}, s)`
          : row,
    passed: name,
  }));
}

function sharedArguments(plan: Plan, shared: Shared | undefined): readonly object[] {
  if (shared === undefined) return [];
  const own = sharedLayer(plan.layer);
  const prefix = sharedApart(plan.layer) ? "SHARED_" : "";
  return list(sharedContext(plan.layer).sharedInputs).map((input) => {
    const { name, meaning } = input;
    const gate = name === "shared_gate";
    const scale = name.endsWith("_scale");
    const dtype = scale ? own.quantization?.scales : own.quantization?.weights;
    const where = gate || shared.replicas > 1 ? "the same on every device" : "sharded on columns";
    const rows = name === "shared_w2" ? where.replace("columns", "rows") : where;
    return {
      ...input,
      dtype: gate
        ? "jnp.floating"
        : scale
          ? `${prefix}SCALE_DTYPE`
          : dtype === undefined
            ? "DTYPE"
            : `${prefix}WEIGHT_DTYPE`,
      spec: sharedSpec(name, shared, own, false),
      text: gate
        ? `${meaning}, ${where}; taken as float32`
        : `${dtype ?? plan.layer.dtype}, ${meaning}, ${rows}`,
    };
  });
}

/** What the templates of the call say of its arguments. */
export function argumentsContext(plan: Plan, shared: Shared | undefined): Record<string, unknown> {
  const { axes, tokenAxes } = plan.mesh;
  const others = axes.filter((axis) => !tokenAxes.includes(axis));
  const order = [...tokenAxes, ...others];
  const names = (some: readonly string[]): string => pyTuple(some.map(pyString));
  const weights = list(weightsContext(plan.layer).weightInputs);
  const inputs = [
    ...weights.map(({ name }) => ({ name, spec: "by_expert", value: name, passed: name })),
    ...scaleValues(plan),
    ...biasValues(plan),
    ...routingValues(plan),
    ...sharedValues(plan, shared),
  ];
  const replicated = others.length > 0;
  return {
    ...biasesContext(plan.layer),
    rowsOfBlocks: rowsOfBlocks(plan.layer),
    tokensReplicated: replicated,
    tokensReordered: order.some((axis, index) => axis !== axes[index]),
    tokenAxes: names(tokenAxes),
    tokenOrder: names(order),
    replicatedAxes: names(others),
    tokenSpec: replicated ? "TOKEN_AXES" : "MESH_AXES",
    tokenShardingText: replicated
      ? tokenAxes.length === 0
        ? "the same on every device"
        : `sharded on T over ${tokenAxes.join(" x ")}, replicated over ${others.join(" x ")}`
      : "sharded on T over MESH_AXES",
    redundant: plan.layer.redundantExperts !== undefined,
    sharedArguments: sharedArguments(plan, shared),
    deviceArguments: inputs.map(({ name }) => name).join(", "),
    callArguments: inputs.map(({ passed }) => passed).join(", "),
    shardMapSpecs: inputs.map(({ spec }) => spec).join(", "),
    shardMapInputs: inputs,
    inputCount: 1 + inputs.length,
  };
}
