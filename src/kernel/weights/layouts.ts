/** How the expert weights lie: arguments by layout, and the copies that stream them. */
import type { LayerSpec, WeightLayout } from "../../spec/layer.ts";

export interface WeightInput {
  readonly name: string;
  /** Name of the kernel's reference to it. */
  readonly ref: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

/** One copy of gate or up, or of both: where from, which part of the slot it fills. */
export interface GateUpCopy {
  readonly ref: string;
  /** Index after the expert, for all of an expert's weights. */
  readonly whole: string;
  /** The same for one tile at `rows`, and `column` of F. */
  readonly tiled: string;
  /** Index into the slot: 0 gate, 1 up; empty: both. */
  readonly part: string;
}

/** An array argument beside the weights. */
export interface ArrayInput {
  readonly name: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

interface LayoutTexts {
  readonly inputs: readonly WeightInput[];
  readonly copies: readonly GateUpCopy[];
  /** One expert's gate and up weights (D, F), for the reference. */
  readonly gate: string;
  readonly up: string;
  readonly biases: readonly ArrayInput[];
  /** One expert's gate and up biases (F,), for the reference. */
  readonly gateBias: string;
  readonly upBias: string;
}

export const E = "NUM_EXPERTS";
export const D = "HIDDEN_SIZE";
export const F = "INTERMEDIATE_SIZE";
export const S = "SHARED_INTERMEDIATE_SIZE";
const DOWN_BIAS: ArrayInput = { name: "b2", dims: [E, D], meaning: "bias of down" };
const DOWN: WeightInput = { name: "w2", ref: "down_weights", dims: [E, F, D], meaning: "down" };

export const LAYOUTS: Readonly<Record<WeightLayout, LayoutTexts>> = {
  fused: {
    inputs: [
      { name: "w1", ref: "gate_up_weights", dims: [E, "2", D, F], meaning: "gate and up" },
      DOWN,
    ],
    copies: [{ ref: "gate_up_weights", whole: "", tiled: ":, rows, pl.ds(column, bf)", part: "" }],
    gate: "w1[expert, 0]",
    up: "w1[expert, 1]",
    biases: [{ name: "b1", dims: [E, "2", F], meaning: "biases of gate and up" }, DOWN_BIAS],
    gateBias: "b1[expert, 0]",
    upBias: "b1[expert, 1]",
  },
  separate: {
    inputs: [
      { name: "w1", ref: "gate_weights", dims: [E, D, F], meaning: "gate" },
      DOWN,
      { name: "w3", ref: "up_weights", dims: [E, D, F], meaning: "up" },
    ],
    copies: [
      { ref: "gate_weights", whole: "", tiled: "rows, pl.ds(column, bf)", part: ", 0" },
      { ref: "up_weights", whole: "", tiled: "rows, pl.ds(column, bf)", part: ", 1" },
    ],
    gate: "w1[expert]",
    up: "w3[expert]",
    biases: [
      { name: "b1", dims: [E, F], meaning: "bias of gate" },
      DOWN_BIAS,
      { name: "b3", dims: [E, F], meaning: "bias of up" },
    ],
    gateBias: "b1[expert]",
    upBias: "b3[expert]",
  },
  side_by_side: {
    inputs: [
      {
        name: "w1",
        ref: "gate_up_weights",
        dims: [E, D, `2 * ${F}`],
        meaning: "gate, then up columns",
      },
      DOWN,
    ],
    copies: [
      {
        ref: "gate_up_weights",
        whole: `, :, pl.ds(0, ${F})`,
        tiled: "rows, pl.ds(column, bf)",
        part: ", 0",
      },
      {
        ref: "gate_up_weights",
        whole: `, :, pl.ds(${F}, ${F})`,
        tiled: `rows, pl.ds(${F} + column, bf)`,
        part: ", 1",
      },
    ],
    gate: "w1[expert, :, :INTERMEDIATE]",
    up: "w1[expert, :, INTERMEDIATE:]",
    biases: [
      { name: "b1", dims: [E, `2 * ${F}`], meaning: "biases of gate, then of up" },
      DOWN_BIAS,
    ],
    gateBias: "b1[expert, :INTERMEDIATE]",
    upBias: "b1[expert, INTERMEDIATE:]",
  },
};

/** References that hold gate and up weights: sources of their stream. */
export function gateUpRefs(layout: WeightLayout): readonly string[] {
  return [...new Set(LAYOUTS[layout].copies.map(({ ref }) => ref))];
}

const LANES = 128;

/**
 * Copies that bring one gate and up tile. Where F does not fill lanes a tile has all of its
 * columns, and side by side the border between gate and up is nowhere a copy could end.
 */
export function gateUpCopies(
  layer: Pick<LayerSpec, "weights" | "intermediate">,
): readonly GateUpCopy[] {
  const { copies } = LAYOUTS[layer.weights];
  if (layer.intermediate % LANES === 0) return copies;
  if (layer.weights === "side_by_side") {
    return [{ ref: "gate_up_weights", whole: "", tiled: "rows", part: "" }];
  }
  return copies.map((copy) => ({ ...copy, tiled: copy.tiled.replace(", pl.ds(column, bf)", "") }));
}
