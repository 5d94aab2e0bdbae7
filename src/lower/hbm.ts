/** What a layer's weights take of a device's HBM, and which devices have so much. */

import type { Schedule } from "../schedule/schedule.ts";
import {
  BLOCK,
  deviceLayer,
  hasBlockColumns,
  localExperts,
  projections,
  scaleArray,
  sharedLayer,
  weightBytes,
} from "../spec/formats.ts";
import type { LayerSpec } from "../spec/layer.ts";
import { devicesOf, type MeshSpec } from "../spec/mesh.ts";
import type { Devices } from "./lower.ts";

const FLOAT_BYTES = 4;

export interface DeviceWeights {
  /** Bytes of one device's experts, scales and biases included. */
  readonly experts: number;
  /** Bytes of its part of the shared experts. */
  readonly shared: number;
  readonly total: number;
}

/** What a device has follows from: how many there are, and how many share an expert. */
export type Spread = Pick<MeshSpec, "ep" | "tp">;

/** On one device; biases are counted as float32, the widest they come in. */
export function deviceWeights(
  all: LayerSpec,
  mesh: Spread,
  schedule: Pick<Schedule, "sharedColumns"> | undefined,
): DeviceWeights {
  const layer = deviceLayer(all, mesh);
  const { hidden, intermediate, biases, sharedExperts } = layer;
  const item = weightBytes(layer);
  const bias = biases === true ? (2 * intermediate + hidden) * FLOAT_BYTES : 0;
  const experts =
    localExperts(layer, mesh.ep) *
    ((projections(layer) + 1) * hidden * intermediate * item + scales(layer, intermediate) + bias);
  const gate = sharedExperts?.gate === undefined ? 0 : hidden * FLOAT_BYTES;
  const columns = schedule?.sharedColumns(layer, devicesOf(mesh)) ?? 0;
  const own = sharedLayer(layer);
  const shared = 3 * hidden * columns * weightBytes(own) + scales(own, columns) + gate;
  return { experts, shared, total: experts + shared };
}

/** Bytes of the scales of gate, up and down as they come, for F or shared columns of `columns`. */
export function scales(layer: LayerSpec, columns: number): number {
  const { quantization, hidden } = layer;
  if (quantization === undefined || columns === 0) return 0;
  const along = (contraction: number, channels: number): number => {
    const array = scaleArray({ ...layer, quantization }, contraction, channels);
    const each = hasBlockColumns(quantization) ? BLOCK : 1;
    return (array.bytes * array.rows * array.columns) / each;
  };
  return projections(layer) * along(hidden, columns) + along(columns, hidden);
}

/** Layers of one kind among a model's. */
export interface CountedLayers {
  readonly layer: LayerSpec;
  readonly count: number;
  readonly schedule: Pick<Schedule, "sharedColumns"> | undefined;
}

/** Bytes of all layers of a model on one device. */
export function modelWeights(kinds: readonly CountedLayers[], mesh: Spread): number {
  return kinds.reduce(
    (sum, { layer, count, schedule }) => sum + count * deviceWeights(layer, mesh, schedule).total,
    0,
  );
}

/** What all layers of a model take of each kind of device. */
export interface ModelMemory {
  readonly layers: number;
  readonly total: number;
  readonly devices: readonly Omit<DeviceMemory, "layersHeld">[];
}

/** What the layers of all kinds take together. */
export function modelMemory(
  kinds: readonly CountedLayers[],
  mesh: Spread,
  devices: Devices,
): ModelMemory {
  const total = modelWeights(kinds, mesh);
  return {
    layers: kinds.reduce((sum, { count }) => sum + count, 0),
    total,
    devices: Object.values(devices).map(({ name, hbmBytes }) => ({
      ...{ device: name, hbmBytes, enough: total <= hbmBytes },
    })),
  };
}

/** Whether one kind of device has HBM enough for the experts of a model. */
export interface DeviceMemory {
  readonly device: string;
  readonly hbmBytes: number;
  /** Layers whose experts it holds: what else a model needs, attention and KV cache, is apart. */
  readonly layersHeld: number;
  /** For all layers; null: how many there are is not known. */
  readonly enough: boolean | null;
}

export interface ExpertMemory extends DeviceWeights {
  /** Layers of this kind in the model; null: the spec does not come from a config. */
  readonly layers: number | null;
  readonly devices: readonly DeviceMemory[];
}

/** What a layer takes of each kind of device, and how many layers that kind holds. */
export function expertMemory(
  layer: LayerSpec,
  mesh: Spread,
  layers: number | undefined,
  { schedule, devices }: { readonly schedule: Schedule | undefined; readonly devices: Devices },
): ExpertMemory {
  const weights = deviceWeights(layer, mesh, schedule);
  return {
    ...weights,
    layers: layers ?? null,
    devices: Object.values(devices).map(({ name, hbmBytes }) => {
      const layersHeld = Math.floor(hbmBytes / weights.total);
      return {
        device: name,
        hbmBytes,
        layersHeld,
        enough: layers === undefined ? null : layersHeld >= layers,
      };
    }),
  };
}
