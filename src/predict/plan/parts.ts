/** Steps of a reduce-scatter of sums in HBM: each part through VMEM when all that is added to it has arrived. */
import type { PartCopies } from "../../plan/part-copies.ts";
import type { PartStep } from "../machine/relays.ts";
import { amount, type Here, type Quantity, type Step } from "../step.ts";
import type { Slice } from "./slice.ts";

interface Parts extends PartCopies {
  readonly stage: string;
  /** The copies between devices, and bytes of one. */
  readonly stream: string;
  readonly bytes: number;
  /** Of a pass: they are spread evenly over the chunks of all parts. */
  readonly cycles: Quantity;
  /** The same of the stage that makes sums. */
  readonly sumCycles: Quantity;
}

/**
 * Chunks of sums come ahead, of the next part too; what arrived comes ahead within a part. A part
 * leaves when all of its chunks are back. Throws RangeError where it is simulated past a device's last part.
 */
export function partsThroughVmem(
  parts: Parts,
  lists: readonly (readonly PartStep[])[],
  chunkBytes: ReadonlyMap<string, number>,
  slice: (here: Here) => Slice = (here) => ({ first: 0, last: lists[here.device]?.length ?? 0 }),
): readonly Step[] {
  const { stage, stream, bytes, chunks, ahead, sums, sumsCopies = 1, summed } = parts;
  const { cycles, sumCycles, arrived, arrivedAhead, packed, kept } = parts;
  const [part, chunk, copy] = [`${stage} part`, `${stage} chunk`, `${stage} arrival`] as const;
  const list = (here: Here): readonly PartStep[] => lists[here.device] ?? [];
  const place = (here: Here): number => slice(here).first + here.trip(part);
  const at = (here: Here): PartStep => {
    const found = list(here)[place(here)];
    if (found === undefined) throw new RangeError(`no part ${place(here)} of ${stage}`);
    return found;
  };
  const start = (name: string): Step => {
    const of = chunkBytes.get(name) ?? 0;
    const copies = name === sums ? sumsCopies : 1;
    return { do: "start", stream: name, bytes: of, copies, counted: true };
  };
  const when = (test: (here: Here) => boolean, ...body: readonly Step[]): Step => ({
    ...{ do: "when", test, body },
  });
  const loop = (name: string, trips: Quantity, ...body: readonly Step[]): Step => ({
    ...{ do: "loop", name, trips, body },
  });
  const arrivals = (here: Here): number => at(here).arrivals.length;
  const leaves = (here: Here): boolean => at(here).peer !== undefined;
  const following = (here: Here): number => place(here) * chunks + here.trip(chunk) + ahead;
  const pieces = (here: Here): number => chunks * arrivals(here);
  const piece = (here: Here): number => here.trip(chunk) * arrivals(here) + here.trip(copy);
  const share =
    (all: Quantity) =>
    (here: Here): number =>
      amount(all, here) / Math.max(1, list(here).length * chunks);
  const made: readonly Step[] =
    summed === undefined ? [] : [{ do: "compute", stage: summed, cycles: share(sumCycles) }];
  const tag = (here: Here): string => `${at(here).arrivals[here.trip(copy)] ?? ""}`;
  return [
    loop(
      part,
      (here) => slice(here).last - slice(here).first,
      when((here) => place(here) === 0, loop(chunk, ahead, start(sums))),
      loop(copy, arrivals, { do: "take", stream, tag }),
      loop(copy, (here) => Math.min(arrivedAhead, pieces(here)), start(arrived)),
      loop(
        chunk,
        chunks,
        when((here) => following(here) < list(here).length * chunks, start(sums)),
        { do: "wait", stream: sums },
        ...made,
        loop(
          copy,
          arrivals,
          when((here) => piece(here) + arrivedAhead < pieces(here), start(arrived)),
          { do: "wait", stream: arrived },
        ),
        { do: "compute", stage, cycles: share(cycles) },
        when(leaves, start(packed)),
        when((here) => !leaves(here), start(kept)),
      ),
      { do: "wait", stream: packed, all: true },
      { do: "wait", stream: kept, all: true },
      when(leaves, {
        ...{ do: "post", stream, bytes, tag: (here) => `${at(here).slot}` },
        to: (here) => at(here).peer ?? here.device,
      }),
    ),
  ];
}
