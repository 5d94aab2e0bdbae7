/** What a kernel goes through on each device: experts with rows, in blocks that stay at hand. */
import type { Tally } from "../routing/sample.ts";
import type { Here } from "../step.ts";

/** Blocks of rows, counted by pass, device and local expert; an expert without rows has none. */
export class Items {
  private readonly keeps: boolean;
  private readonly before: readonly (readonly Int32Array[])[];

  /**
   * @param block rows of an expert for which its weights are read once
   * @param early first experts, which have a block each whether or not they have rows
   * @param keeps weights stay in their slot for all blocks of an expert: they count as one
   */
  constructor(tally: Tally, block: number, early = 0, keeps = false) {
    this.keeps = keeps;
    const { localExperts, ep } = tally;
    this.before = Array.from({ length: tally.tiles }, (_, pass) =>
      Array.from({ length: ep }, (_device, device) => {
        const sums = new Int32Array(localExperts + 1);
        for (let local = 0; local < localExperts; local++) {
          const rows = tally.of(pass, device * localExperts + local);
          const blocks = Math.max(
            local < early ? 1 : 0,
            keeps ? Math.min(rows, 1) : Math.ceil(rows / block),
          );
          sums[local + 1] = (sums[local] ?? 0) + blocks;
        }
        return sums;
      }),
    );
  }

  /** Which of a pass the block at hand is. */
  index(here: Here): number {
    const before = this.before[here.trip("pass")]?.[here.device]?.[here.trip("expert")] ?? 0;
    return before + (this.keeps ? 0 : here.trip("block"));
  }

  /** Whether its weights are read, or in their slot since the block before. */
  reads(here: Here): boolean {
    return !this.keeps || here.trip("block") === 0;
  }

  /** Blocks of a local expert. */
  blocks(pass: number, device: number, local: number): number {
    const before = this.before[pass]?.[device];
    return (before?.[local + 1] ?? 0) - (before?.[local] ?? 0);
  }

  total(pass: number, device: number): number {
    return this.before[pass]?.[device]?.at(-1) ?? 0;
  }
}
