/** Straight or by dimensions, and in how many parts: what the network model takes least time for. */
import type { Relays } from "../../plan/plan.ts";
import { stepsOf } from "../../predict/machine/relays.ts";
import { simulate } from "../../predict/machine/simulate.ts";
import { fillsChips, torusOf } from "../../predict/machine/torus.ts";
import { relaySteps } from "../../predict/plan/relays.ts";
import { onceFor } from "../../spec/once.ts";
import type { BucketTransport } from "../../spec/schedule.ts";
import type { Device } from "../../target/device/device.ts";
import { type Layout, wholeRegisters } from "../rows/layout.ts";

/** A number is of a kernel that is made: by dimensions in so many parts, 0: straight. */
export type Transport = BucketTransport | number;

export interface Blocks {
  readonly device: Device;
  readonly ep: number;
  /** Token rows of one device that go to others in one pass, and the least of one part. */
  readonly sentTokens: number;
  readonly unit: number;
  /** Bytes of these rows, and of the sums of as many tokens; no sums: they go straight anyway. */
  readonly rows: number;
  readonly sums?: number;
  /** Seconds that a device waits at each of its steps of sums, in all passes. Absent: none. */
  readonly stepSeconds?: number;
}

/** Numbers of parts to choose from: each dimension first at least once, and finer. */
export const PARTS = [1, 2, 4, 8] as const;
/** Copies that a device sends at most: each has a semaphore. */
const MOST_COPIES = 128;
/** More parts must save so much: each costs a copy for each block. */
const WORTH = 0.97;

/** Fewer rows are not worth a copy of their own. */
const LEAST_PART = 4;

/** Least token rows of a part: they fill whole registers; the template has it as PART_UNIT. */
export function partUnit(layout: Pick<Layout, "row" | "partRow">): number {
  return Math.max(LEAST_PART, wholeRegisters(layout));
}

/** Rows of a part that one trip of a loop over them takes: a power of two, at most so many. */
export function partUnroll(partTokens: number, most: number): number {
  let rows = most;
  while (partTokens % rows !== 0) rows /= 2;
  return rows;
}

/** Parts that a call can have, of those asked for: whole units of rows; also in the template. */
export function wholeParts(parts: number, sentTokens: number, unit: number): number {
  let found = parts;
  while (found > 1 && (sentTokens / unit) % found !== 0) found /= 2;
  return found;
}

/**
 * Whether tiles of these kinds have room for the sums on their way on this device, in so many parts:
 * its own have; another kind's for as many as arrive at a device there. As in `relays_with_room`.
 */
export function hasRoom(
  device: Device,
  kinds: readonly Device[],
  { ep, parts }: Pick<Blocks, "ep"> & { readonly parts: number },
): boolean {
  const slots = (kind: Device): number =>
    Math.max(...stepsOf(torusOf(kind, ep), ep, parts).map(({ sends }) => sends));
  if (kinds.some(({ name }) => name === device.name)) return true;
  return slots(device) <= Math.min(...kinds.map(slots));
}

const known = new Map<string, number>();

/** Seconds of an all-gather of rows and a reduce-scatter of sums, one after the other. */
export function secondsOf(
  { device, ep, rows, sums }: Pick<Blocks, "device" | "ep" | "rows" | "sums">,
  parts: number,
): number {
  const key = [device.name, ep, rows, sums ?? 0, parts].join();
  const found = known.get(key);
  if (found !== undefined) return found;
  const seconds = secondsBetween(device, ep, [
    { collective: "all_gather", bytes: rows, parts },
    ...(sums === undefined ? [] : [{ collective: "reduce_scatter" as const, bytes: sums, parts }]),
  ]);
  known.set(key, seconds);
  return seconds;
}

/** One collective: `bytes` of a device's block, in `parts` by dimensions; 0: straight. */
export interface Collected {
  readonly collective: Relays["collective"];
  readonly bytes: number;
  readonly parts: number;
}

/** Seconds of some collectives one after the other, as the network's model has them. */
export function secondsBetween(device: Device, ep: number, list: readonly Collected[]): number {
  const steps = list.flatMap(({ collective, bytes, parts }) =>
    relaySteps({ collective, parts }, device, ep, {
      ...{ stream: collective, stage: collective, steps: "all", cycles: 0 },
      bytes: bytes / Math.max(parts, 1),
    }),
  );
  return simulate(steps, device, ep).seconds;
}

const chosenOn = onceFor<Device, number>();

/** Parts of a device's rows; 0: straight. */
export function choose(transport: Transport, blocks: Blocks): number {
  const { device, ep, sentTokens, unit, rows, sums, stepSeconds } = blocks;
  const key = [transport, ep, sentTokens, unit, rows, sums, stepSeconds].join();
  return chosenOn(device, key, () => chooseAfresh(transport, blocks));
}

function chooseAfresh(transport: Transport, blocks: Blocks): number {
  const { device, ep, sentTokens, unit, stepSeconds = 0 } = blocks;
  if (ep === 1 || transport === "straight" || !fillsChips(device, ep)) return 0;
  if (typeof transport === "number") {
    return transport === 0 ? 0 : wholeParts(transport, sentTokens, unit);
  }
  const legal = PARTS.filter(
    (parts) => wholeParts(parts, sentTokens, unit) === parts && (ep - 1) * parts <= MOST_COPIES,
  );
  const candidates = transport === "auto" ? [0, ...legal] : legal.length > 0 ? legal : [1];
  let best = candidates[0] ?? 0;
  const cost = (parts: number): number => {
    const steps = stepSeconds === 0 ? [] : stepsOf(torusOf(device, ep), ep, parts);
    const most = Math.max(0, ...steps.map(({ reduce }) => reduce.length));
    return secondsOf(blocks, parts) + stepSeconds * most;
  };
  for (const parts of candidates.slice(1)) {
    if (cost(parts) < cost(best) * WORTH) best = parts;
  }
  return best;
}
