/**
 * All-gather and reduce-scatter as copies from device to device. The block of each device goes to
 * all others along a tree; `topology.py` of the generated package makes the same from where the
 * devices of a mesh sit. A block is cut into parts that take the dimensions in different orders, so
 * that all links work at once; no part means that every block goes straight to each device.
 */
import { defined } from "../../spec/defined.ts";
import { isRing, type Torus } from "./torus.ts";

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

interface Copy {
  readonly block: number;
  readonly part: number;
  readonly from: number;
  readonly to: number;
  /** Place of the copy's dimension in the part's order, and how far along it. */
  readonly stage: number;
  readonly hop: number;
}

/** Order in which each part takes the dimensions: chips' rotated, the other way round too, pair last. */
export function ordersOf({ sizes }: Torus, parts: number): readonly (readonly number[])[] {
  const chips = sizes.length - 1;
  return Array.from({ length: parts }, (_, part) => {
    const order = Array.from({ length: chips }, (_dimension, at) => (at + part) % chips);
    const turned = Math.floor(part / Math.max(chips, 1)) % 2 === 1;
    return [...(turned ? order.reverse() : order), chips];
  });
}

function placesOf({ sizes }: Torus, devices: number): readonly (readonly number[])[] {
  return Array.from({ length: devices }, (_, device) => {
    const place: number[] = [];
    let rest = device;
    for (const size of [...sizes].reverse()) {
      place.unshift(rest % size);
      rest = Math.floor(rest / size);
    }
    return place;
  });
}

/** Steps along one dimension from `here` to `there`: of a ring the shorter way, of two by the part. */
function distance(here: number, there: number, size: number, wraps: boolean, part: number): number {
  if (!wraps) return there - here;
  const ahead = (there - here + size) % size;
  const up = 2 * ahead < size || (2 * ahead === size && part % 2 === 0);
  return up ? ahead : ahead - size;
}

/** Every copy of an all-gather: each device gets each part of each other's block once. */
function copiesOf(torus: Torus, devices: number, parts: number): readonly Copy[] {
  const all = Array.from({ length: devices }, (_, device) => device);
  if (parts === 0) {
    const straight = { part: 0, stage: 0, hop: 1 };
    return all.flatMap((block) =>
      all
        .slice(1)
        .map((step) => ({ ...straight, block, from: block, to: (block + step) % devices })),
    );
  }
  const { sizes } = torus;
  const places = placesOf(torus, devices);
  const at = new Map(places.map((place, device) => [place.join(), device]));
  return ordersOf(torus, parts).flatMap((order, part) =>
    places.flatMap((root, block) =>
      places.flatMap((place, to): Copy[] => {
        const stage = order.findLastIndex((dimension) => place[dimension] !== root[dimension]);
        const dimension = order[stage];
        if (dimension === undefined) return [];
        const size = sizes[dimension] ?? 1;
        const [here, there] = [place[dimension] ?? 0, root[dimension] ?? 0];
        const way = distance(here, there, size, isRing(torus, dimension), part);
        const nearer = (here + Math.sign(way) + size) % size;
        const from = at.get(place.with(dimension, nearer).join());
        if (from === undefined)
          throw new RangeError(`${devices} devices are no box of ${sizes.join(" x ")}`);
        return [{ block, part, from, to, stage, hop: Math.abs(way) }];
      }),
    ),
  );
}

/** In the order in which they arrive: by dimension, by distance, then nearer devices first. */
function order(devices: number, me: number): (a: Copy, b: Copy) => number {
  const away = ({ block }: Copy): number => (block - me + devices) % devices;
  return (a, b) =>
    a.stage - b.stage || a.hop - b.hop || a.part - b.part || away(a) - away(b) || a.to - b.to;
}

const same =
  (a: Copy) =>
  (b: Copy): boolean =>
    a.block === b.block && a.part === b.part;

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
): Pick<DeviceSteps, "reduce" | "nearest"> {
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

const made = new Map<string, readonly DeviceSteps[]>();

/** What each device of a group does; `parts` 0: straight. Made once for each: many ask for it. */
export function stepsOf(torus: Torus, devices: number, parts: number): readonly DeviceSteps[] {
  const key = [torus.sizes.join("x"), torus.wrapsFrom, devices, parts].join();
  const found = made.get(key) ?? makeSteps(torus, devices, parts);
  made.set(key, found);
  return found;
}

function makeSteps(torus: Torus, devices: number, parts: number): readonly DeviceSteps[] {
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
  return sends.map((sent, me) => {
    const gather = gatherSteps(arrivals[me] ?? [], sent, me);
    return {
      gather,
      own: gather.filter(({ stage }) => stage < 0).length,
      early: parts === 0 ? 0 : gather.filter(({ stage }) => stage === 0).length,
      ...reduceSteps(arrivals[me] ?? [], sent, slotAt),
      sends: sent.length,
    };
  });
}
