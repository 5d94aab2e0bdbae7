/** Samples the routing of a call and simulates it. */
import { defined } from "../spec/defined.ts";
import type { DeviceFacts } from "../target/device/facts.ts";
import type { Job, JobLayer } from "./job.ts";
import { type Simulated, simulate } from "./machine/simulate.ts";
import type { Published } from "./published/published.ts";
import { layerOfParts, routingOfParts } from "./routing/columns.ts";
import { sampleRouting } from "./routing/sample.ts";
import type { Skew } from "./routing/skew.ts";

export interface JobRequest {
  readonly device: DeviceFacts;
  readonly ep: number;
  /** Devices that share each expert's columns, of which `layer` has one's; absent: they are whole. */
  readonly tp?: number;
  readonly tokens: number;
  readonly layer: JobLayer;
  readonly tiles: Readonly<Record<string, number | string>>;
  readonly skew: Skew;
  readonly seed?: number;
}

/** A call with its routing drawn. */
export function jobOf({ skew, seed = 0, tp, ...request }: JobRequest): Job {
  const { experts, topK, identity } = request.layer;
  const asked = { tokens: request.tokens, experts, topK, skew, seed };
  const routing = sampleRouting({ ...asked, ...defined({ identity }) });
  if (tp === undefined) return { ...request, routing };
  const { ep, layer } = request;
  return {
    ...request,
    ep: ep * tp,
    layer: layerOfParts(layer, tp),
    routing: routingOfParts(routing, ep, tp),
  };
}

/** One draw of a published kernel, simulated. */
export function runJob(request: JobRequest, kernel: Published): Simulated {
  const job = jobOf(request);
  return simulate(kernel.steps(job), job.device, job.ep);
}
