/**
 * What a device costs in time beyond what its maker publishes: for the predictor alone.
 *
 * A figure is measured by someone, counted by the compiler, or fitted; a fitted one says on which
 * records of `test/bench/predict/`. Each depends on the kind of device and on nothing else.
 */
export interface Figure {
  readonly value: number;
  readonly source: string;
  /** Not measured by itself: chosen so that predictions meet the records named in `source`. */
  readonly fitted?: true;
}

export interface Timing {
  /** Kind in `src/predict/cost/stages.json` whose counts stand for this one's: itself if it is there. */
  readonly stages: string;
  /**
   * Cycles that a bundle of a packed multiply takes, as counted for one tile: in a whole kernel
   * dynamic slices, predicates and spills come on top.
   */
  readonly packedCycles: Figure;
  /** Part of the HBM bandwidth that long copies reach. */
  readonly hbmEfficiency: Figure;
  /** Seconds from the issue of a copy between HBM and VMEM to its end, its bytes apart. */
  readonly dmaLatency: Figure;
  /** Seconds that the DMA engine takes at least for each local copy of a row. */
  readonly localCopy: Figure;
  /** Seconds that the DMA engine takes for a copy of size 0, which branchless code issues. */
  readonly emptyCopy: Figure;
  /** Part of the HBM rate that XLA's gather of single rows reaches. */
  readonly gatherEfficiency: Figure;
  /** Cycles of the scalar unit to issue one copy. */
  readonly issueCycles: Figure;
  /** Seconds from the issue of a remote copy or signal to its arrival at a neighbour. */
  readonly remoteLatency: Figure;
  /** Seconds that a further chip on the way adds. */
  readonly hopLatency: Figure;
  /** Seconds that a sender's DMA engine takes at least for each remote copy. */
  readonly remoteCopy: Figure;
  /** Seconds to signal one device of a barrier. */
  readonly signal: Figure;
  /** Cycles to look one routed entry up in SMEM, decide on it and go on. */
  readonly entryCycles: Figure;
  /** Seconds that one operation of an XLA program costs beside its work. */
  readonly operation: Figure;
  /** Seconds that one collective of an XLA program costs beside its bytes. */
  readonly collective: Figure;
  readonly ici: {
    /** Devices on one chip, dimensions of the torus, ring length from which a dimension wraps. */
    readonly devicesPerChip: number;
    readonly dimensions: number;
    readonly wrapsFrom: number;
    /** Bytes a second that one link carries one way, as kernels see it. */
    readonly linkBandwidth: Figure;
    /** Bytes a second between the devices of one chip. */
    readonly chipBandwidth: Figure;
  };
  /** Peak of the matrix units for weights of a kind, as a multiple of `bf16Flops`. */
  readonly peak: { readonly float8: number; readonly int8: number; readonly float4: number };
}
