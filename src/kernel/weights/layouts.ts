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
    copies: [{ ref: "gate_up_weights", whole: "", tiled: ":, rows, pl.ds(column, bf)", part: "" }],
    biases: [{ name: "b1", dims: [E, "2", F], meaning: "biases of gate and up" }, DOWN_BIAS],
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
    biases: [
      { name: "b1", dims: [E, `2 * ${F}`], meaning: "biases of gate, then of up" },
      DOWN_BIAS,
    ],
  },
};

/** References that hold gate and up weights: sources of their stream. */
export function gateUpRefs(layout: WeightLayout): readonly string[] {
  return [...new Set(LAYOUTS[layout].copies.map(({ ref }) => ref))];
}

/** One expert's gate or up in the reference's arguments: (D, F), its scales, and (F,). */
export interface Slice {
  readonly weights: string;
  readonly scales: string;
  readonly bias: string;
}

/** Gate's and up's of a layout; `f` columns are each one's, and `scales` of them have a scale. */
export function slicesOf(layout: WeightLayout, f: number, scales: number): readonly [Slice, Slice] {
  switch (layout) {
    case "fused":
      return [
        { weights: "w1[expert, 0]", scales: "w1_scale[expert, 0]", bias: "b1[expert, 0]" },
        { weights: "w1[expert, 1]", scales: "w1_scale[expert, 1]", bias: "b1[expert, 1]" },
      ];
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
