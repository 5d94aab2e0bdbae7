/** Layouts of the expert weights: arguments, shapes and the copies that stream them. */
import type { LayerSpec, WeightLayout } from "../dsl/spec.ts";
import { pyTuple } from "./python.ts";

interface WeightInput {
  readonly name: string;
  /** Name of the kernel's reference to it. */
  readonly ref: string;
  readonly dims: readonly string[];
  readonly meaning: string;
}

/** One copy of gate or up, or of both: where from, which part of the slot it fills. */
interface GateUpCopy {
  readonly ref: string;
  /** Index after the expert, for all of an expert's weights. */
  readonly whole: string;
  /** The same for one tile at `rows`, and `column` of F. */
  readonly tiled: string;
  /** Index into the slot: 0 gate, 1 up; empty: both. */
  readonly part: string;
}

interface LayoutTexts {
  readonly inputs: readonly WeightInput[];
  readonly copies: readonly GateUpCopy[];
  /** One expert's gate and up weights (D, F), for the reference. */
  readonly gate: string;
  readonly up: string;
}

const E = "NUM_EXPERTS";
const D = "HIDDEN_SIZE";
const F = "INTERMEDIATE_SIZE";
const DOWN: WeightInput = { name: "w2", ref: "down_weights", dims: [E, F, D], meaning: "down" };

const LAYOUTS: Readonly<Record<WeightLayout, LayoutTexts>> = {
  fused: {
    inputs: [
      { name: "w1", ref: "gate_up_weights", dims: [E, "2", D, F], meaning: "gate and up" },
      DOWN,
    ],
    copies: [{ ref: "gate_up_weights", whole: "", tiled: ":, rows, pl.ds(column, bf)", part: "" }],
    gate: "w1[expert, 0]",
    up: "w1[expert, 1]",
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
  },
};

/** References that hold gate and up weights: sources of their stream. */
export function gateUpRefs(layout: WeightLayout): readonly string[] {
  return [...new Set(LAYOUTS[layout].copies.map(({ ref }) => ref))];
}

/** Weight arrays among the arguments. */
export function weightArrays(layout: WeightLayout): number {
  return LAYOUTS[layout].inputs.length;
}

/** Copies that bring one gate and up tile. */
export function gateUpCopies(layout: WeightLayout): number {
  return LAYOUTS[layout].copies.length;
}

export function weightsContext(layer: LayerSpec): Record<string, unknown> {
  const { inputs, copies, gate, up } = LAYOUTS[layer.weights];
  const sizes: Readonly<Record<string, number>> = {
    [E]: layer.experts,
    [D]: layer.hidden,
    [F]: layer.intermediate,
    [`2 * ${F}`]: 2 * layer.intermediate,
  };
  const plain = (text: string): string => text.replace("INTERMEDIATE", String(layer.intermediate));
  return {
    weightArguments: inputs.map(({ name }) => name).join(", "),
    weightInputs: inputs.map(({ name, ref, dims, meaning }) => ({
      name,
      ref,
      meaning,
      shape: pyTuple(dims),
      size: pyTuple(dims.map((dim) => String(sizes[dim] ?? dim))),
    })),
    gateUpCopies: copies,
    gateReference: plain(gate),
    upReference: plain(up),
  };
}
