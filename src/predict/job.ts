/** One call to predict: the layer, where it runs and how its tokens are routed. */
import type { RowDType } from "../spec/quantization.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import { type Routing, Tally } from "./routing/sample.ts";
import { type WeightType, widthOf } from "./weights.ts";

export interface JobLayer {
  readonly experts: number;
  readonly topK: number;
  /** Further ids that tokens may choose and that no row goes to; absent: there are none. */
  readonly identity?: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly weights: WeightType;
  /** Type of quantised activations; absent: rows are multiplied as they come. */
  readonly activations?: RowDType;
  /** Bytes of one element of a token row between devices; absent: as it comes. */
  readonly sentBytes?: number;
  /** Contracted weights that share a scale; absent: no scale, or one a column. */
  readonly scaleGroup?: number;
  /** Bytes of the scales of one expert; absent: there are none. */
  readonly scaleBytes?: number;
  /** Intermediate size of the expert that every token goes through; absent: there is none. */
  readonly shared?: number;
  /** Weight matrices of one expert: up and down; absent: gate, up and down. */
  readonly matrices?: 2;
}

export interface Job {
  readonly layer: JobLayer;
  readonly device: DeviceFacts;
  readonly ep: number;
  readonly tokens: number;
  readonly routing: Routing;
  /** Tile parameters by the kernel's own names, and words that pick a version of it. */
  readonly tiles: Readonly<Record<string, number | string>>;
}

/** Token rows and results are bfloat16 in every kernel here. */
export const ROW_TYPE_BYTES = 2;

/** Bytes of one token row, of `hidden` values. */
export const rowBytes = ({ layer }: Job): number => layer.hidden * ROW_TYPE_BYTES;
/** Bytes of one weight; half a byte for four bits. */
export const weightBytes = ({ layer }: Job): number => widthOf(layer.weights);
/** Experts on one device. */
export const localExperts = ({ layer, ep }: Job): number => Math.ceil(layer.experts / ep);
/** Tokens of one device, rounded up. */
export const tokenShare = ({ tokens, ep }: Job): number => Math.ceil(tokens / ep);
/** Weights of one expert. */
export const expertWeights = ({ layer }: Job): number =>
  (layer.matrices ?? 3) * layer.hidden * layer.intermediate;
/** Bytes of one expert's matrices, with their scales. */
export const expertBytes = (job: Job): number =>
  expertWeights(job) * weightBytes(job) + (job.layer.scaleBytes ?? 0);

/** Rows by expert of each `tile` tokens of a device. */
export function tallyOf(job: Job, tile: number): Tally {
  return new Tally(job.routing, job.ep, tile);
}

/** A tile parameter, or what the kernel takes without it. */
export function tile(job: Job, name: string, otherwise: number): number {
  const value = job.tiles[name];
  return typeof value === "number" && value > 0 ? value : otherwise;
}
