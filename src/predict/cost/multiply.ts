/** Cycles of a matrix multiply as a kernel writes it: the compiler's bundles, or what the matrix
 * units take at their peak if that is more. */
import type { DeviceFacts } from "../../target/device/facts.ts";
import { type WeightType, widthOf } from "../weights.ts";
import table from "./stages.json" with { type: "json" };

/**
 * How the stage is written: two-dimensional operands; rows packed by two with float32 sums kept in
 * VMEM, as sgl-jax has them; or those with a scale for each group of contracted weights.
 */
export type Form = "plain" | "packed" | "packed scaled";

export interface Multiply {
  readonly form: Form;
  /** Two products of the same rows (gate and up), or the product of their activation. */
  readonly part: "gate and up" | "down";
  readonly rows: number;
  readonly contracted: number;
  readonly columns: number;
  readonly weights: WeightType;
}

type Points = readonly (readonly number[])[];
type Forms = Readonly<Record<string, Readonly<Record<string, Points>>>>;
const counted: Readonly<Record<string, Forms>> = table.bundles;

/** Weights of one unit of the table. */
const UNIT = 1024;

/**
 * Cycles of one product of a feed-forward, from bundles that the compiler counted.
 *
 * @throws RangeError for a device whose stages were not counted.
 */
export function multiplyCycles(device: DeviceFacts, work: Multiply): number {
  const products = work.part === "gate and up" ? 2 : 1;
  const weights = work.contracted * work.columns * products;
  const each = work.form === "plain" ? 1 : device.timing.packedCycles.value;
  const bundles = (weights / UNIT) * bundlesOf(device, work) * each;
  const peak = device.bf16Flops * peakOf(device, work.weights);
  const occupied = (2 * work.rows * weights * device.clock) / peak;
  return Math.max(bundles, occupied);
}

/** Bundles a unit of weights, between the rows that were counted. */
function bundlesOf(device: DeviceFacts, { form, part, rows, weights }: Multiply): number {
  const forms = counted[device.timing.stages] ?? {};
  const name = formName(form, part);
  const types = forms[name] ?? forms.plain ?? {};
  const points = pointsOf(types, weights);
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) {
    const known = Object.keys(counted).join(", ");
    throw new RangeError(`no counted stages for ${device.timing.stages}; counted: ${known}`);
  }
  if (rows <= (first[0] ?? 0)) return first[1] ?? 0;
  for (let at = 1; at < points.length; at++) {
    const [below = 0, low = 0] = points[at - 1] ?? [];
    const [above = 0, high = 0] = points[at] ?? [];
    if (rows <= above) return low + ((high - low) * (rows - below)) / (above - below);
  }
  return ((last[1] ?? 0) * rows) / (last[0] ?? 1);
}

function formName(form: Form, part: Multiply["part"]): string {
  if (form === "plain") return "plain";
  const name = part === "down" ? "down" : "gate_up";
  return form === "packed scaled" ? `${name}_scaled` : name;
}

/** The counted type that a weight type is nearest to: itself, one as wide, or bfloat16. */
function pointsOf(types: Readonly<Record<string, Points>>, weights: WeightType): Points {
  const bits = widthOf(weights) * 8;
  const names = Object.keys(types);
  const same = names.find((name) => name.startsWith(weights));
  const wide = names.find((name) => name.includes(`${bits}`) && bits < 16);
  const narrow = bits < 8 ? names.find((name) => /8/.test(name)) : undefined;
  return types[same ?? wide ?? narrow ?? "bfloat16"] ?? Object.values(types)[0] ?? [];
}

function peakOf(device: DeviceFacts, weights: WeightType): number {
  const { float8, int8, float4 } = device.timing.peak;
  return { bfloat16: 1, float32: 0.25, float8, int8, float4, int4: int8 }[weights];
}
