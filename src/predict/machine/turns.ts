/**
 * A reduce-scatter in turns, for sums that are handled a part at a time: what goes to other chips leaves soon, in
 * between what a device gives its chip's other one. `topology.py` of the generated package has the same.
 */
import { type Copy, same } from "./copies.ts";

/** A step of a device: what had gone along a copy comes back and is added, or goes back. */
export interface Move {
  readonly copy: Copy;
  readonly leaves: boolean;
  /** Of what had gone along the last dimension. */
  readonly nearest: boolean;
}

/** Turns between a sum's leaving and its being added. */
export const TURNS_APART = 1;

/** Sums to the nearest devices go first, then those to others; own tokens' are added last. */
const NEAREST = 0;
const OTHERS = 1;
const OWN = 2;

/** In the order in which sums come back: parts of a block, which take different links, follow each other. */
function orderBack(devices: number, me: number): (a: Copy, b: Copy) => number {
  const away = ({ block }: Copy): number => (block - me + devices) % devices;
  return (b, a) =>
    a.stage - b.stage || a.hop - b.hop || away(a) - away(b) || a.part - b.part || a.to - b.to;
}

/**
 * Turn in which the sum of each copy goes back: a device's own part when its receiver comes to it, another
 * after the last that is added to it. Nobody waits for a turn that is not before its own.
 */
function turnsBack(back: readonly (readonly Copy[])[]): (copy: Copy) => number {
  const completed = back.map((sends) =>
    sends.filter((copy, at) => !sends.slice(at + 1).some(same(copy))),
  );
  const turns = new Map<Copy, number>();
  const turnOf = (copy: Copy): number => {
    const onward = (back[copy.to] ?? []).filter(same(copy));
    const turn =
      turns.get(copy) ??
      (onward.length > 0
        ? TURNS_APART + Math.max(...onward.map(turnOf))
        : (completed[copy.from] ?? []).findIndex(same(copy)));
    turns.set(copy, turn);
    return turn;
  };
  return turnOf;
}

/** Steps of each device, of the copies that it gets and sends in an all-gather. */
export function inTurns(
  arrivals: readonly (readonly Copy[])[],
  sends: readonly (readonly Copy[])[],
): readonly (readonly Move[])[] {
  const back = sends.map((sent, me) => sent.toSorted(orderBack(sends.length, me)));
  const turnOf = turnsBack(back);
  return arrivals.map((arrived, me) => {
    const sent = back[me] ?? [];
    const last = Math.max(...arrived.map(({ stage }) => stage));
    const added = (copy: Copy): readonly Copy[] => sent.filter(same(copy));
    const leave = (copy: Copy) => {
      const near = added(copy).every(({ stage }) => stage === last);
      return { copy, leaves: true, to: near ? NEAREST : OTHERS, turn: turnOf(copy) };
    };
    const add = (copy: Copy) => {
      const to = copy.block === me ? OWN : copy.stage === last ? NEAREST : OTHERS;
      return { copy, leaves: false, to, turn: turnOf(copy) + TURNS_APART };
    };
    const steps = [
      ...arrived.filter((copy) => added(copy).length === 0).map(leave),
      ...sent.map(add),
      ...arrived.filter((copy) => added(copy).length > 0).map(leave),
    ].toSorted((a, b) => a.to - b.to || a.turn - b.turn);
    return steps.map(({ copy, leaves, to }) => ({ copy, leaves, nearest: to === NEAREST }));
  });
}
