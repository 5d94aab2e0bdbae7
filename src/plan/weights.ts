/** What a layer's weights take of a device's HBM. */
import type { LayerSpec } from "../dsl/spec.ts";

const ITEM_BYTES = { bfloat16: 2, float32: 4 } as const;

export interface DeviceWeights {
  /** Experts of one device, biases included. */
  readonly experts: number;
  /** Shared experts lie whole on every device. */
  readonly shared: number;
  readonly total: number;
}

/** Bytes on one of `ep` devices; biases are counted as float32, the widest they come in. */
export function deviceWeights(layer: LayerSpec, ep: number): DeviceWeights {
  const { hidden, intermediate, sharedExperts, biases } = layer;
  const item = ITEM_BYTES[layer.dtype];
  const bias = biases === true ? (2 * intermediate + hidden) * ITEM_BYTES.float32 : 0;
  const experts = Math.ceil(layer.experts / ep) * (3 * hidden * intermediate * item + bias);
  const columns =
    sharedExperts === undefined ? 0 : sharedExperts.count * sharedExperts.intermediate;
  const gate = sharedExperts?.gate === undefined ? 0 : hidden * ITEM_BYTES.float32;
  const shared = 3 * hidden * columns * item + gate;
  return { experts, shared, total: experts + shared };
}
