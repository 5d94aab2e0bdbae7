/** Experts whose columns several devices have: to the predictor each part is an expert of its own. */
import type { JobLayer } from "../job.ts";
import { NOBODY, type Routing } from "./sample.ts";

/** The layer of a job whose devices have `tp`-th parts of experts; `layer` has one's columns. */
export function layerOfParts(layer: JobLayer, tp: number): JobLayer {
  const { experts, topK, identity } = layer;
  const ids = identity === undefined ? {} : { identity: identity * tp };
  return { ...layer, experts: experts * tp, topK: topK * tp, ...ids };
}

/** Each token goes to all parts of its experts. Parts lie by device: an expert's on neighbours. */
export function routingOfParts(routing: Routing, ep: number, tp: number): Routing {
  const { tokens, experts, topK, ids } = routing;
  const local = Math.ceil(experts / ep);
  const parts = new Int32Array(ids.length * tp);
  ids.forEach((expert, entry) => {
    const device = Math.floor(expert / local) * tp;
    for (let part = 0; part < tp; part++) {
      parts[entry * tp + part] =
        expert === NOBODY ? NOBODY : (device + part) * local + (expert % local);
    }
  });
  return { tokens, experts: experts * tp, topK: topK * tp, ids: parts };
}
