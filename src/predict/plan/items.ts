/** What a kernel goes through on each device: experts with rows, in blocks that stay at hand. */
import type { Tally } from "../routing/sample.ts";

/** Blocks of rows, counted by pass, device and local expert; an expert without rows has none. */
export class Items {
  private readonly before: readonly (readonly Int32Array[])[];

  /**
   * @param block rows of an expert for which its weights are read once
   * @param early first experts, which have a block each whether or not they have rows
   */
  constructor(tally: Tally, block: number, early = 0) {
    const { localExperts, ep } = tally;
    this.before = Array.from({ length: tally.tiles }, (_, pass) =>
      Array.from({ length: ep }, (_device, device) => {
        const sums = new Int32Array(localExperts + 1);
        for (let local = 0; local < localExperts; local++) {
          const rows = tally.of(pass, device * localExperts + local);
          const blocks = Math.max(local < early ? 1 : 0, Math.ceil(rows / block));
          sums[local + 1] = (sums[local] ?? 0) + blocks;
        }
        return sums;
      }),
    );
  }

  /** Blocks of the experts before this one. */
  first(pass: number, device: number, local: number): number {
    return this.before[pass]?.[device]?.[local] ?? 0;
  }

  total(pass: number, device: number): number {
    return this.before[pass]?.[device]?.at(-1) ?? 0;
  }
}
