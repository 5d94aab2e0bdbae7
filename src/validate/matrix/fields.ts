/** The fields of a layer and of a call that the feature matrix crosses, with the values of each. */

export const fields = {
  scoring: ["softmax", "sigmoid", "sqrt_softplus", "none", "given", "given with copies"],
  placement: ["all", "chosen", "near"],
  renormalize: ["no", "yes"],
  scaling: [1, 2.5],
  softCap: ["none", 5],
  groups: ["none", "max", "sum_of_top_2"],
  correctionBias: ["no", "yes"],
  topK: [1, 2, 4, 8, 16],
  experts: ["few", "many", "odd"],
  // Right after what it must hold: far from it, dead ends are long looked through.
  ep: [1, 2, 4, 8],
  activation: [
    "silu",
    "gelu",
    "gelu_erf",
    "clamped_swiglu",
    "silu_clamped",
    "swigluoai",
    "situ",
    "relu2",
  ],
  scoreOn: ["result", "input"],
  biases: ["no", "yes"],
  shared: ["none", "plain", "gated"],
  weights: ["fused", "separate", "side_by_side", "up"],
  dtype: ["bfloat16", "float32"],
  quantization: [
    "none",
    "float8 channels",
    "int8 blocks",
    "float8 rows",
    "int4 rows",
    "float4 rows",
  ],
  sharedWeights: ["same", "plain", "int4 channels", "float8 blocks"],
  activations: ["none", "8 bits"],
  wire: ["none", "dispatch", "combine", "both"],
  deterministic: ["no", "yes"],
  hidden: [256, 384, 320],
  intermediate: [256, 192],
  tiles: ["resident", "streamed"],
  transport: ["straight", "lines", "pairs"],
  rows: ["vmem", "hbm"],
  mesh: ["one axis", "two axes", "reversed", "further axes"],
  tokenAxes: ["all", "first", "none"],
  tokens: ["one", "odd", "passes"],
} as const;

export type Field = keyof typeof fields;

/** Devices that only the whole matrix simulates: minutes, not seconds. */
export const MANY_DEVICES = [16, 32] as const;

/** One combination: a value for each field, and the schedule that runs it. */
export type Row = {
  readonly [F in Field]: F extends "ep" ? number : (typeof fields)[F][number];
} & {
  /** Its kind. */
  readonly schedule: string;
};

/** What a report counts: the fields, and the schedules. */
export type Feature = keyof Row;

/** E of each kind: divisible by ep, and for "odd" by nothing that is convenient. */
export function expertsOf({ experts, ep }: Pick<Row, "experts" | "ep">): number {
  if (experts === "few") return Math.max(8, ep);
  if (experts === "many") return Math.max(24, 3 * ep);
  return ep > 4 ? 5 * ep : 12;
}

/** Copies among them. */
export function copiesOf(row: Pick<Row, "experts" | "ep" | "scoring">): number {
  return row.scoring === "given with copies" ? expertsOf(row) / 4 : 0;
}

/** Groups are a quarter of the experts each, and half of them are kept. */
export const GROUPS = { count: 4, kept: 2 } as const;

export interface Constraint {
  readonly fields: readonly Field[];
  readonly legal: (row: Row) => boolean;
}

const inKernel = ({ scoring }: Row): boolean => !scoring.startsWith("given");

/** Absent where routing is given: what the caller does is not the kernel's. */
function routed<F extends Field>(field: F, absent: Row[F]): Constraint {
  return { fields: ["scoring", field], legal: (row) => inKernel(row) || row[field] === absent };
}

/** Absent where experts have no gate: said of both fields that say so, or rows are long looked for. */
function withGate<F extends Field>(field: F, absent: Row[F]): readonly Constraint[] {
  return [
    {
      fields: ["activation", field],
      legal: (row) => row.activation !== "relu2" || row[field] === absent,
    },
    { fields: ["weights", field], legal: (row) => row.weights !== "up" || row[field] === absent },
  ];
}

/** What rows in HBM do not serve, MOE144; shared experts have a test of their own there. */
function onlyInVmem<F extends Field>(field: F, served: Row[F]): readonly Constraint[] {
  return [
    { fields: ["rows", field], legal: (row) => row.rows === "vmem" || row[field] === served },
  ];
}

/** Combinations that the checker refuses, or that mean nothing. */
export const constraints: readonly Constraint[] = [
  routed("placement", "all"),
  routed("renormalize", "no"),
  routed("scaling", 1),
  routed("softCap", "none"),
  routed("groups", "none"),
  routed("correctionBias", "no"),
  {
    fields: ["scoring", "placement"],
    legal: ({ scoring, placement }) => scoring !== "none" || placement === "all",
  },
  {
    // A softmax of logits alone.
    fields: ["scoring", "placement"],
    legal: ({ scoring, placement }) => placement !== "near" || scoring === "softmax",
  },
  {
    fields: ["placement", "groups"],
    legal: ({ placement, groups }) => placement !== "near" || groups === "none",
  },
  {
    fields: ["placement", "correctionBias"],
    legal: ({ placement, correctionBias }) => placement !== "near" || correctionBias === "no",
  },
  {
    fields: ["topK", "experts", "ep", "scoring"],
    legal: (row) => row.topK <= expertsOf(row) - copiesOf(row),
  },
  {
    fields: ["topK", "experts", "ep", "groups"],
    legal: (row) =>
      row.groups === "none" || row.topK <= (expertsOf(row) / GROUPS.count) * GROUPS.kept,
  },
  {
    fields: ["quantization", "dtype"],
    legal: ({ quantization, dtype }) => quantization === "none" || dtype === "bfloat16",
  },
  {
    fields: ["quantization", "hidden"],
    legal: ({ quantization, hidden }) => quantization !== "int8 blocks" || hidden % 128 === 0,
  },
  {
    fields: ["quantization", "intermediate"],
    legal: ({ quantization, intermediate }) =>
      quantization !== "int8 blocks" || intermediate % 128 === 0,
  },
  {
    // Blocks of the shared experts are 128 x 128 too.
    fields: ["sharedWeights", "hidden"],
    legal: ({ sharedWeights, hidden }) => sharedWeights !== "float8 blocks" || hidden % 128 === 0,
  },
  {
    fields: ["sharedWeights", "shared"],
    legal: ({ sharedWeights, shared }) => sharedWeights === "same" || shared !== "none",
  },
  {
    fields: ["sharedWeights", "quantization"],
    legal: ({ sharedWeights, quantization }) => sharedWeights === "same" || quantization !== "none",
  },
  {
    fields: ["sharedWeights", "dtype"],
    legal: ({ sharedWeights, dtype }) => sharedWeights === "same" || dtype === "bfloat16",
  },
  {
    // Nothing to cut: packed rows of 64 (4-bit), or blocks of 64, leave 320 and 192 whole.
    fields: ["quantization", "sharedWeights", "hidden", "intermediate", "tiles"],
    legal: ({ quantization, sharedWeights, hidden, intermediate, tiles }) =>
      tiles === "resident" ||
      hidden !== 320 ||
      intermediate !== 192 ||
      (sharedWeights !== "int4 channels" &&
        (quantization === "none" || quantization === "float8 channels")),
  },
  {
    // Of the type that the weights have: none beside plain or 4-bit ones, or scales of fewer than 128.
    fields: ["quantization", "activations"],
    legal: ({ quantization, activations }) =>
      activations === "none" ||
      quantization === "float8 channels" ||
      quantization === "int8 blocks",
  },
  {
    // Follows from the above; said, it is not long looked for.
    fields: ["activations", "dtype"],
    legal: ({ activations, dtype }) => activations === "none" || dtype === "bfloat16",
  },
  {
    fields: ["activations", "hidden"],
    legal: ({ activations, hidden }) => activations === "none" || hidden % 128 === 0,
  },
  {
    fields: ["activations", "intermediate"],
    legal: ({ activations, intermediate }) => activations === "none" || intermediate % 128 === 0,
  },
  {
    fields: ["activation", "weights"],
    legal: ({ activation, weights }) => (activation === "relu2") === (weights === "up"),
  },
  ...withGate("biases", "no"),
  ...withGate("shared", "none"),
  ...withGate("sharedWeights", "same"),
  {
    fields: ["wire", "ep"],
    legal: ({ wire, ep }) => wire === "none" || ep > 1,
  },
  {
    fields: ["wire", "dtype"],
    legal: ({ wire, dtype }) => wire === "none" || dtype === "bfloat16",
  },
  {
    fields: ["wire", "hidden"],
    legal: ({ wire, hidden }) => wire === "none" || hidden % 128 === 0,
  },
  {
    fields: ["wire", "intermediate"],
    legal: ({ wire, intermediate }) => wire === "none" || intermediate % 128 === 0,
  },
  {
    fields: ["transport", "ep"],
    legal: ({ transport, ep }) => transport === "straight" || ep > 1,
  },
  ...onlyInVmem("shared", "none"),
  ...onlyInVmem("sharedWeights", "same"),
  ...onlyInVmem("deterministic", "no"),
  {
    // float4 weights are for a device whose chips hold pairs.
    fields: ["transport", "quantization"],
    legal: ({ transport, quantization }) => transport !== "lines" || quantization !== "float4 rows",
  },
  {
    // Of one axis the first is all.
    fields: ["mesh", "tokenAxes"],
    legal: ({ mesh, tokenAxes }) => mesh !== "one axis" || tokenAxes !== "first",
  },
];
