/** Arguments of the generated call: how each is sharded, and what of it the kernel gets. */

import { pyString, pyTuple } from "../../emit/python.ts";
import { isRelayed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { hasBlockColumns, scaleBlock, sharedApart, sharedLayer } from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { axesOf } from "../../spec/mesh.ts";
import { planRoutesAll } from "../routing/all-tokens.ts";
import type { Shared } from "../shared-experts/spread.ts";
import {
  biasesContext,
  biasSpecs,
  sharedContext,
  weightSpecs,
  weightsContext,
} from "../weights/arguments.ts";
import { quantizationContext, sharedQuantizationContext } from "../weights/quantization.ts";
import { routingInputs } from "./layer.ts";

interface Described {
  readonly name: string;
  readonly shape: string;
  readonly size: string;
  readonly meaning: string;
}

const list = (value: unknown): readonly Described[] => value as readonly Described[];

/** The constant that scales of blocks are made rows by; empty: none come as blocks. */
function rowsOfBlocks(layer: LayerSpec): string {
  const { blockColumns, sharedOwnQuantized, sharedBlockColumns } = {
    ...quantizationContext(layer),
    ...sharedQuantizationContext(layer),
  };
  if (blockColumns === true) return "SCALE_BLOCK";
  return sharedOwnQuantized === true && sharedBlockColumns === true ? "SHARED_SCALE_BLOCK" : "";
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
  tp: number | undefined,
): string {
  // Where devices share experts, more of them have columns of these.
  const rows = tp === undefined ? "by_expert" : "P(MESH_AXES)";
  if (name === "shared_gate" || shared.replicas > 1) return "P()";
  if (name === "shared_w2") return rows;
  if (!name.endsWith("_scale") || quantization === undefined) return "P(None, MESH_AXES)";
  if (name === "shared_w2_scale") {
    return scaleBlock(quantization) === undefined ? "P()" : rows;
  }
  return hasBlockColumns(quantization) && !asRows
    ? "P(None, MESH_AXES)"
    : "P(None, None, MESH_AXES)";
}

/** Biases as the kernel takes them: gate's and up's as one. */
function biasNames({ biases }: LayerSpec): readonly string[] {
  return biases === true ? ["gate_up_bias", "down_bias"] : [];
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
      spec: sharedSpec(name, shared, own, false, plan.mesh.tp),
      text: gate
        ? `${meaning}, ${where}; taken as float32`
        : `${dtype ?? plan.layer.dtype}, ${meaning}, ${rows}`,
    };
  });
}

/** Mesh axes in the order in which tokens lie along them: those that they are sharded over first. */
function tokenOrder(mesh: Plan["mesh"]): readonly string[] {
  const { tokenAxes } = mesh;
  return [...tokenAxes, ...axesOf(mesh).filter((axis) => !tokenAxes.includes(axis))];
}

/** Whether that is another order than the experts'. */
export function tokensReordered(mesh: Plan["mesh"]): boolean {
  const axes = axesOf(mesh);
  return tokenOrder(mesh).some((axis, index) => axis !== axes[index]);
}

/**
 * What the templates of the call say of its arguments.
 * @param relayed the kernel takes a table of copies between devices
 */
export function argumentsContext(
  plan: Plan,
  shared: Shared | undefined,
  relayed = isRelayed(plan),
): Record<string, unknown> {
  const { tokenAxes } = plan.mesh;
  const others = axesOf(plan.mesh).filter((axis) => !tokenAxes.includes(axis));
  const order = tokenOrder(plan.mesh);
  const names = (some: readonly string[]): string => pyTuple(some.map(pyString));
  const { layer } = plan;
  const namesOf = (some: unknown): readonly string[] => list(some).map(({ name }) => name);
  const { weightInputs, scaleInputs } = weightsContext(layer);
  const experts = [...namesOf(weightInputs), ...namesOf(scaleInputs), ...biasNames(layer)];
  const routing = routingInputs(layer);
  const sharedNames = namesOf(sharedContext(layer).sharedInputs);
  // The table of copies between devices is no argument of the call, but one of the kernel.
  const last = [...sharedNames, ...(relayed ? ["relays"] : [])];
  const inputs = [...experts, ...routing.map(({ name }) => name), ...last];
  const { tp } = plan.mesh;
  const specs = [
    ...weightSpecs(layer, tp),
    ...biasSpecs(layer, tp),
    ...routing.map(({ spec }) => spec),
    ...(shared === undefined
      ? []
      : sharedNames.map((name) => sharedSpec(name, shared, sharedLayer(layer), true, tp))),
    ...(relayed ? ["P()"] : []),
  ];
  const replicated = others.length > 0;
  return {
    ...weightsContext(layer, tp),
    ...biasesContext(layer, tp),
    byExpert: tp === undefined ? "MESH_AXES" : "EXPERT_AXES",
    cutExperts: tp !== undefined,
    rowsOfBlocks: rowsOfBlocks(plan.layer),
    tokensReplicated: replicated,
    tokensReordered: tokensReordered(plan.mesh),
    ownBlock: tokensReordered(plan.mesh) && !planRoutesAll(plan),
    tokenAxes: names(tokenAxes),
    tokenOrder: names(order),
    replicatedAxes: names(others),
    tokenSpec: replicated ? "TOKEN_AXES" : "MESH_AXES",
    tokenShardingText: replicated
      ? tokenAxes.length === 0
        ? "the same on every device"
        : `sharded on T over ${tokenAxes.join(" x ")}, replicated over ${others.join(" x ")}`
      : "sharded on T over MESH_AXES",
    sharedArguments: sharedArguments(plan, shared),
    deviceArguments: inputs.join(", "),
    // Before and after those of the routing, which the kernel is given otherwise.
    expertArrays: experts.join(", "),
    lastArrays: last.map((name) => `, ${name}`).join(""),
    shardMapSpecs: specs.join(", "),
    inputCount: 1 + inputs.length,
  };
}
