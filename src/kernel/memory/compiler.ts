/**
 * VMEM that the compiler adds to the declared buffers: slots for vector registers that it spills.
 * Its report has them as one figure; where they are was read off the spill slots of the final
 * schedule, scope by scope. Two places hold more values than there are registers:
 *
 * - a feed-forward body: gate and up wait for the activation, and the matrix units of v5e, v5p and
 *   v6e take the operand in a layout of their own, which is made once and kept for all columns.
 *   The matrix units of v7x read the operand as it lies and add up inside;
 * - the routing, at the top level of the kernel, which shares no slot with what is nested.
 *
 * Bodies and other nested stages follow each other, so they share slots: the largest counts.
 */
import type { Buffer } from "../../plan/plan.ts";
import { projections } from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import type { KernelInput } from "../frame.ts";
import { UNROLL } from "../loops.ts";
import { LANES, roundUp, SUBLANES } from "../rows/layout.ts";
import { downScaling, gateUpScaling } from "./scaling.ts";

/** Bytes of a vector register: 8 sublanes of 128 lanes of 32 bits. */
const REGISTER = SUBLANES * LANES * 4;
/** Of 64 vector registers, those that hold such values; the others feed the matrix units. */
const HOLDING = 48;

type Term = Pick<Buffer, "name" | "shape" | "dtype" | "meaning">;

/** What a stage holds at once. */
type Held = readonly Term[];

function bytesOf({ shape, dtype }: Pick<Term, "shape" | "dtype">): number {
  const item = dtype === "bfloat16" ? 2 : 4;
  const last = shape.at(-1) ?? 1;
  const others = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return others * roundUp(last, LANES) * item;
}

/** The gate and up products of the largest body. */
function products({ layer, tiles, streamed }: KernelInput, { mxu }: Device): Held {
  const rows = tiles.bt;
  const columns = streamed ? tiles.bf : layer.intermediate;
  const contracted = streamed ? tiles.bd : layer.hidden;
  const held: Term[] = [];
  if (streamed) {
    // Products go into buffers as they are done: what is held is one tile of the matrix unit.
    if (mxu.accumulates) return held;
    held.push({
      name: "spilled_products",
      shape: [rows, 2 * LANES],
      dtype: "float32",
      meaning: "spilled: partial products on their way into the sums",
    });
  } else {
    const done = mxu.accumulates ? 0 : mxu.size;
    held.push({
      name: "spilled_products",
      shape: [rows, Math.max(0, projections(layer) * columns - done)],
      dtype: "float32",
      meaning: "spilled: gate and up of the largest body, until the activation",
    });
  }
  if (layer.dtype === "float32") {
    held.push({
      name: "spilled_operand",
      shape: [
        projections(layer) * (mxu.size === 256 && !mxu.accumulates ? 3 : 2),
        rows,
        contracted,
      ],
      dtype: "float32",
      meaning: "spilled: the operand in parts of bfloat16 precision, for gate and for up",
    });
  } else if (!mxu.accumulates) {
    held.push({
      name: "spilled_operand",
      shape: [rows, contracted],
      dtype: "bfloat16",
      meaning: "spilled: the operand of the largest body as the matrix units take it",
    });
  }
  return held;
}

/** The down product where it is added to buffers: activations as the matrix units take them. */
function down({ layer, tiles, streamed }: KernelInput, { mxu }: Device): Held {
  if (!streamed || mxu.accumulates) return [];
  return [
    {
      name: "spilled_products",
      shape: [tiles.bt, 2 * LANES],
      dtype: "float32",
      meaning: "spilled: partial products on their way into the results",
    },
    {
      name: "spilled_operand",
      shape: [tiles.bt, tiles.bf],
      dtype: layer.dtype,
      meaning: "spilled: activations of the largest body as the matrix units take them",
    },
  ];
}

/** Rows that one trip of `combine` adds. */
function combine({ layout }: KernelInput): Held {
  return [
    {
      name: "spilled_sums",
      shape: [UNROLL, layout.sumRow, LANES],
      dtype: "float32",
      meaning: "spilled: sums of the tokens that one trip adds to",
    },
  ];
}

/** Arrays of all experts by 128 tokens that the routing holds beyond the registers. */
function routing({ layer, layout, sizes }: KernelInput): { top: Held; nested: Held } {
  const { routing: spec } = layer;
  const kept = spec.where === "kernel" && spec.correctionBias === true ? 5 : 4;
  const arrays = (count: number, meaning: string): Term => ({
    name: "spilled_routing",
    shape: [count, layout.expertRows, LANES],
    dtype: "float32",
    meaning: `spilled: ${meaning} of all experts by 128 tokens`,
  });
  const choices: Term = {
    name: "spilled_choices",
    shape: [2, layer.topK, SUBLANES, LANES],
    dtype: "float32",
    meaning: "spilled: ids and weights of 128 tokens, a register for each choice",
  };
  const top = arrays(kept, "scores, candidates, ranks and first entries");
  if (sizes.laneTokens === LANES) return { top: [top, choices], nested: [] };
  // Several blocks of tokens are a loop: what it holds itself shares slots with the other loops.
  return { top: [top], nested: [arrays(2, "counts carried from block to block"), choices] };
}

/** The terms less the registers that hold a part of them; none where registers suffice. */
function spilled(held: Held, registers: number): readonly Buffer[] {
  let free = registers * REGISTER;
  const buffers: Buffer[] = [];
  for (const term of held) {
    const bytes = bytesOf(term);
    const inRegisters = Math.min(free, bytes);
    free -= inRegisters;
    if (bytes > inRegisters) {
      buffers.push({ ...term, space: "VMEM", slots: 1, bytes: bytes - inRegisters });
    }
  }
  return buffers;
}

const sum = (buffers: readonly Buffer[]): number => buffers.reduce((all, b) => all + b.bytes, 0);

function largestOf(stages: readonly (readonly Buffer[])[]): readonly Buffer[] {
  return stages.reduce((most, stage) => (sum(stage) > sum(most) ? stage : most), []);
}

/** What the compiler adds where a kernel has bodies of the feed-forward and nothing else that spills. */
export function bodyBuffers(input: KernelInput, device: Device): readonly Buffer[] {
  return largestOf([
    spilled([...products(input, device), ...gateUpScaling(input, device)], HOLDING),
    spilled([...down(input, device), ...downScaling(input)], HOLDING),
  ]);
}

/** What the compiler adds to the kernel's declared VMEM. */
export function compilerBuffers(input: KernelInput, device: Device): readonly Buffer[] {
  const { top, nested } = routing(input);
  const stages = [bodyBuffers(input, device), spilled(combine(input), HOLDING), spilled(nested, 0)];
  return [...spilled(top, 0), ...largestOf(stages)];
}
