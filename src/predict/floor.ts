/** The least time that a call can take on the slowest device, whatever the kernel. */
import { expertBytes, expertWeights, type Job, localExperts, rowBytes, tokenShare } from "./job.ts";
import { topologyOf } from "./machine/topology.ts";
import { NOBODY, Tally } from "./routing/sample.ts";

export interface Floor {
  /** Seconds: active experts' weights and own rows, once, at the published bandwidth. */
  readonly hbm: number;
  /** Seconds: multiplies of the routed rows at the published peak. */
  readonly mxu: number;
  /** Seconds: each row once to each other chip that needs it, and one sum back. */
  readonly ici: number;
  readonly seconds: number;
  readonly bound: "HBM" | "MXU" | "ICI";
}

/** The least time of a call: bytes of HBM and links at peak rate, FLOPs at peak rate. */
export function floorOf(job: Job): Floor {
  const { device, ep } = job;
  const tally = new Tally(job.routing, ep, job.tokens);
  const own = 2 * tokenShare(job) * rowBytes(job);
  const peak = device.bf16Flops * rateOf(job);
  let [hbm, mxu] = [0, 0];
  for (let index = 0; index < ep; index++) {
    const weights = tally.active(0, index).length * expertBytes(job);
    hbm = Math.max(hbm, (weights + own) / device.hbmBandwidth);
    const flops = tally.onDevice(0, index) * 2 * expertWeights(job);
    mxu = Math.max(mxu, flops / peak);
  }
  const ici = iciFloor(job);
  const seconds = Math.max(hbm, mxu, ici);
  return {
    hbm,
    mxu,
    ici,
    seconds,
    bound: seconds === hbm ? "HBM" : seconds === mxu ? "MXU" : "ICI",
  };
}

/** Multiplies at the peak over those of bfloat16. */
function rateOf({ device, layer }: Job): number {
  const { float8, int8 } = device.timing.peak;
  if (layer.activations === "int8") return int8;
  return layer.activations !== undefined || layer.weights === "float8" ? float8 : 1;
}

/** Rows that enter the busiest chip, over all of its links at once. */
function iciFloor(job: Job): number {
  const { device, ep, routing, layer } = job;
  const topology = topologyOf(device, ep);
  if (topology.chips < 2) return 0;
  const perChip = ep / topology.chips;
  const local = localExperts(job);
  const share = tokenShare(job);
  const bytes = layer.sentBytes === undefined ? rowBytes(job) : layer.hidden * layer.sentBytes;
  const entering = new Float64Array(topology.chips);
  for (let token = 0; token < routing.tokens; token++) {
    const home = Math.floor(Math.floor(token / share) / perChip);
    const chips = new Set<number>();
    for (let choice = 0; choice < routing.topK; choice++) {
      const expert = routing.ids[token * routing.topK + choice] ?? NOBODY;
      if (expert === NOBODY) continue;
      chips.add(Math.floor(Math.floor(expert / local) / perChip));
    }
    for (const chip of chips) {
      if (chip !== home) entering[chip] = (entering[chip] ?? 0) + bytes;
    }
  }
  const links = Math.max(1, topology.linksOfChip) * device.iciLinkBandwidth;
  return Math.max(...entering) / links;
}
