/**
 * All-gather and reduce-scatter as copies from device to device. The block of each device goes to
 * all others along a tree; `topology.py` of the generated package makes the same from where the
 * devices of a mesh sit. A block is cut into parts that take the dimensions in different orders, so
 * that all links work at once; no part means that every block goes straight to each device.
 */
import { defined } from "../../spec/defined.ts";
import { type Copy, copiesOf, order, same } from "./copies.ts";
import type { Torus } from "./torus.ts";
import { inTurns } from "./turns.ts";

/** Takes a part of a block if it comes from elsewhere, and passes it on to a peer if there is one. */
export interface GatherStep {
  readonly block: number;
  readonly part: number;
  /** Absent: nobody gets it from here, or gets no more of it. */
  readonly peer?: number;
  /** Not here yet: to be waited for first. */
  readonly awaited: boolean;
  /** Place among the dimensions that it came along; -1: this device's own. */
  readonly stage: number;
}

/** Adds what arrived in a slot to a part of a block, or sends that to a slot of a peer. */
export interface ReduceStep {
  readonly block: number;
  readonly part: number;
  /** Absent: it is added. */
  readonly peer?: number;
  readonly slot: number;
}

/** What one device does. */
export interface DeviceSteps {
  readonly gather: readonly GatherStep[];
  /** Gather steps that send the device's own block, and those with what came along the first dimension. */
  readonly own: number;
  readonly early: number;
  readonly reduce: readonly ReduceStep[];
  /** Steps of these until all is added that had gone along the last dimension. */
  readonly nearest: number;
  /** Copies that it sends in an all-gather: as many arrive in a reduce-scatter. */
  readonly sends: number;
}

type Backwards = Pick<DeviceSteps, "reduce" | "nearest">;

/** A part that is complete: it leaves, or is of own tokens. */
export interface PartStep {
  /** Slots of what is added first. */
  readonly arrivals: readonly number[];
  /** Absent: it is of own tokens. */
  readonly peer?: number;
  readonly slot: number;
}

/** The parts of a reduce-scatter in the order in which a device has them complete; and of the nearest steps alone. */
export function partSteps({ reduce, nearest }: Pick<DeviceSteps, "reduce" | "nearest">): {
  readonly parts: readonly PartStep[];
  readonly nearest: number;
} {
  const key = ({ block, part }: ReduceStep): string => `${block}.${part}`;
  const leaving = new Set<string>();
  const arrivals = new Map<string, number[]>();
  for (const step of reduce) {
    const slots = arrivals.get(key(step)) ?? [];
    if (step.peer === undefined) slots.push(step.slot);
    else leaving.add(key(step));
    arrivals.set(key(step), slots);
  }
  const complete = reduce.flatMap((step, index) => {
    const { peer, slot } = step;
    const slots = arrivals.get(key(step)) ?? [];
    const own = !leaving.has(key(step)) && slots.at(-1) === slot;
    const part: PartStep = { arrivals: slots, slot, ...defined({ peer }) };
    return peer !== undefined || own ? [{ part, index }] : [];
  });
  return {
    parts: complete.map(({ part }) => part),
    nearest: complete.filter(({ index }) => index < nearest).length,
  };
}

function gatherSteps(
  arrivals: readonly Copy[],
  sends: readonly Copy[],
  me: number,
): readonly GatherStep[] {
  const own = sends
    .filter(({ block }) => block === me)
    .map(({ block, part, to }) => ({ block, part, peer: to, awaited: false, stage: -1 }));
  const relayed = arrivals.flatMap((arrival) => {
    const { block, part, stage } = arrival;
    const on = sends.filter(same(arrival)).map(({ to }) => ({ peer: to }));
    return (on.length === 0 ? [{}] : on).map((peer, at) => ({
      ...{ block, part, stage, awaited: at === 0 },
      ...peer,
    }));
  });
  return [...own, ...relayed];
}

/** The same backwards: what went on to others comes back from them and is added, then all of it leaves. */
function reduceSteps(
  arrivals: readonly Copy[],
  sends: readonly Copy[],
  slotAt: (copy: Copy) => number,
): Backwards {
  const leave = (copy: Copy): ReduceStep => {
    const { block, part, from } = copy;
    return { block, part, peer: from, slot: slotAt(copy) };
  };
  const leaves = arrivals.filter((arrival) => !sends.some(same(arrival))).toReversed();
  const back = sends.toReversed().flatMap((copy, at, all) => {
    const add: ReduceStep = { block: copy.block, part: copy.part, slot: slotAt(copy) };
    const complete = !all.slice(at + 1).some(same(copy));
    const steps = [add, ...(complete ? arrivals.filter(same(copy)).map(leave) : [])];
    return steps.map((step) => ({ step, stage: copy.stage }));
  });
  const last = Math.max(...arrivals.map(({ stage }) => stage));
  const nearest = back.filter(({ stage }) => stage === last).length;
  return {
    reduce: [...leaves.map(leave), ...back.map(({ step }) => step)],
    nearest: leaves.length + nearest,
  };
}

/** The same in turns. */
function reduceInTurns(
  arrivals: readonly (readonly Copy[])[],
  sends: readonly (readonly Copy[])[],
  slotAt: (copy: Copy) => number,
): readonly Backwards[] {
  return inTurns(arrivals, sends).map((moves) => ({
    reduce: moves.map(({ copy, leaves }): ReduceStep => {
      const { block, part, from } = copy;
      return { block, part, slot: slotAt(copy), ...(leaves ? { peer: from } : {}) };
    }),
    nearest: moves.filter(({ nearest }) => nearest).length,
  }));
}

const made = new Map<string, readonly DeviceSteps[]>();

/**
 * What each device of a group does; `parts` 0: straight. `turns`: sums take turns, as those in HBM do. Made
 * once for each: many ask for it.
 */
export function stepsOf(
  torus: Torus,
  devices: number,
  parts: number,
  turns = false,
): readonly DeviceSteps[] {
  const key = [torus.sizes.join("x"), torus.wrapsFrom, devices, parts, turns].join();
  const found = made.get(key) ?? makeSteps(torus, devices, parts, turns);
  made.set(key, found);
  return found;
}

function makeSteps(
  torus: Torus,
  devices: number,
  parts: number,
  turns: boolean,
): readonly DeviceSteps[] {
  const copies = copiesOf(torus, devices, parts);
  const group = (of: (copy: Copy) => number): readonly (readonly Copy[])[] => {
    const found: Copy[][] = Array.from({ length: devices }, () => []);
    for (const copy of copies) found[of(copy)]?.push(copy);
    return found.map((list, me) => list.sort(order(devices, me)));
  };
  const sends = group(({ from }) => from);
  const arrivals = group(({ to }) => to);
  const slots = new Map(sends.flatMap((list) => list.map((copy, slot) => [copy, slot] as const)));
  const slotAt = (copy: Copy): number => slots.get(copy) ?? 0;
  const back = turns
    ? reduceInTurns(arrivals, sends, slotAt)
    : sends.map((sent, me) => reduceSteps(arrivals[me] ?? [], sent, slotAt));
  return sends.map((sent, me) => {
    const gather = gatherSteps(arrivals[me] ?? [], sent, me);
    return {
      gather,
      own: gather.filter(({ stage }) => stage < 0).length,
      early: parts === 0 ? 0 : gather.filter(({ stage }) => stage === 0).length,
      ...(back[me] ?? { reduce: [], nearest: 0 }),
      sends: sent.length,
    };
  });
}
