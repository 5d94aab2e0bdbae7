/** How the expert weights lie: arguments by layout, and the copies that stream them. */
import type { LayerSpec, WeightLayout } from "../../spec/layer.ts";

export interface WeightInput {
  readonly name: string;
  /** Name of the kernel's reference to it. */
  readonly ref: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

/** An array argument beside the weights. */
export interface ArrayInput {
  readonly name: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

interface LayoutTexts {
  readonly inputs: readonly WeightInput[];
  /** References that the copies of gate and up read, one each. */
  readonly copies: readonly string[];
  readonly biases: readonly ArrayInput[];
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
    copies: ["gate_up_weights"],
    biases: [{ name: "b1", dims: [E, "2", F], meaning: "biases of gate and up" }, DOWN_BIAS],
  },
  separate: {
    inputs: [
      { name: "w1", ref: "gate_weights", dims: [E, D, F], meaning: "gate" },
      DOWN,
      { name: "w3", ref: "up_weights", dims: [E, D, F], meaning: "up" },
    ],
    copies: ["gate_weights", "up_weights"],
    biases: [
      { name: "b1", dims: [E, F], meaning: "bias of gate" },
      DOWN_BIAS,
      { name: "b3", dims: [E, F], meaning: "bias of up" },
    ],
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
    copies: ["gate_up_weights", "gate_up_weights"],
    biases: [
      { name: "b1", dims: [E, `2 * ${F}`], meaning: "biases of gate, then of up" },
      DOWN_BIAS,
    ],
  },
  up: {
    inputs: [{ name: "w1", ref: "up_weights", dims: [E, D, F], meaning: "up" }, DOWN],
    copies: ["up_weights"],
    biases: [],
  },
};

/** References that hold gate and up weights: sources of their stream. */
export function gateUpRefs(layout: WeightLayout): readonly string[] {
  return [...new Set(LAYOUTS[layout].copies)];
}

/** One expert's gate or up in the reference's arguments: (D, F), its scales, and (F,). */
export interface Slice {
  readonly weights: string;
  readonly scales: string;
  readonly bias: string;
}

const UP: Slice = { weights: "w1[expert]", scales: "w1_scale[expert]", bias: "" };

/** Gate's and up's of a layout; `f` columns are each one's, and `scales` of them have a scale. */
export function slicesOf(layout: WeightLayout, f: number, scales: number): readonly [Slice, Slice] {
  switch (layout) {
    case "fused":
      return [
        { weights: "w1[expert, 0]", scales: "w1_scale[expert, 0]", bias: "b1[expert, 0]" },
        { weights: "w1[expert, 1]", scales: "w1_scale[expert, 1]", bias: "b1[expert, 1]" },
      ];
    case "up":
      // No gate: the slice of one stands for both, and the reference takes up's.
      return [UP, UP];
    case "separate":
      return [
        { weights: "w1[expert]", scales: "w1_scale[expert]", bias: "b1[expert]" },
        { weights: "w3[expert]", scales: "w3_scale[expert]", bias: "b3[expert]" },
      ];
    case "side_by_side":
      return [
        {
          weights: `w1[expert, :, :${f}]`,
          scales: `w1_scale[expert, ..., :${scales}]`,
          bias: `b1[expert, :${f}]`,
        },
        {
          weights: `w1[expert, :, ${f}:]`,
          scales: `w1_scale[expert, ..., ${scales}:]`,
          bias: `b1[expert, ${f}:]`,
        },
      ];
  }
}

const LANES = 128;

/**
 * How many copies bring one gate and up tile. Where F does not fill lanes a tile has all of its
 * columns, and side by side the border between gate and up is nowhere a copy could end.
 */
export function gateUpCopies({
  weights,
  intermediate,
}: Pick<LayerSpec, "weights" | "intermediate">): number {
  if (weights === "side_by_side" && intermediate % LANES !== 0) return 1;
  return LAYOUTS[weights].copies.length;
}
