/** The work on one expert's rows, in parts that any fused MoE kernel has. */
import { allOf } from "../plan/call.ts";
import type { KernelPlan } from "../plan/plan.ts";
import type { KernelProfile } from "./profile.ts";

/** Parts in order; an adapter of another kernel names its stages so. */
export const PARTS = [
  "rows in",
  "gate_up",
  "activation",
  "down",
  // All three in one stage: where an expert's weights are whole the compiler interleaves them.
  "feed_forward",
  "results out",
] as const;
export type Part = (typeof PARTS)[number];

export type ExpertCycles = Readonly<Partial<Record<Part, number>>>;

/** The multiplies and what lies between them. */
export const FEED_FORWARD: readonly Part[] = ["gate_up", "activation", "down", "feed_forward"];

/** Cycles of some parts together. */
export function sumOf(cycles: ExpertCycles, parts: readonly Part[] = PARTS): number {
  return parts.reduce((sum, part) => sum + (cycles[part] ?? 0), 0);
}

function multiply(name: string): Part | undefined {
  const [, named] = /^(gate_up|up|activation|down|feed_forward)(?:_\d+)?$/.exec(name) ?? [];
  // Of experts without a gate.
  const found = named === "up" ? "gate_up" : named;
  return PARTS.find((part) => part === found);
}

/** Cycles for one active expert in one call, all passes: the experts' stages over the experts. */
export function expertCycles(kernel: KernelPlan, { stages }: KernelProfile): ExpertCycles {
  const loop = allOf(kernel).stages.filter(({ per }) => per !== "call" && per !== "pass");
  const experts = kernel.traffic.activeExperts;
  const firstMultiply = loop.findIndex(({ name }) => multiply(name) !== undefined);
  const cycles: Partial<Record<Part, number>> = {};
  loop.forEach(({ name }, index) => {
    const part = multiply(name) ?? (index < firstMultiply ? "rows in" : "results out");
    const found = stages.find(({ stage }) => stage === name)?.cycles ?? 0;
    cycles[part] = (cycles[part] ?? 0) + found / experts;
  });
  return cycles;
}

/** Of an adapter's kernel: its stages bear the parts' names and run for one expert. */
export function peerCycles({ stages }: KernelProfile): ExpertCycles {
  return Object.fromEntries(
    PARTS.flatMap((part) => {
      const found = stages.find(({ stage }) => stage === part);
      return found === undefined ? [] : [[part, found.cycles]];
    }),
  );
}
