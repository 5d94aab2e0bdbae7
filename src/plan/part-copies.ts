/** What a reduce-scatter of sums in HBM copies of each part. */

/** Streams through VMEM of the parts of a reduce-scatter, each chunk with a copy of each. */
export interface PartCopies {
  /** Of a part. */
  readonly chunks: number;
  /** Sums of every part; as many chunks of all parts as `ahead` are on their way beside the one in use. */
  readonly sums: string;
  readonly ahead: number;
  /** Copies of a chunk's sums, on average. Absent: one. */
  readonly sumsCopies?: number;
  /** Stage that makes a chunk's sums of those copies, before a copy of what arrived is waited for. Absent: none. */
  readonly summed?: string;
  /** Of each copy that arrived for it; so many of a part are on their way beside the one in use. */
  readonly arrived: string;
  readonly arrivedAhead: number;
  /** Back to HBM: of a part that leaves, and of own tokens. */
  readonly packed: string;
  readonly kept: string;
}
