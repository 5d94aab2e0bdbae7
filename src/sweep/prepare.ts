/** A candidate as far as it needs no compiler: legal, then within VMEM, then a plan and its files. */

import { emitPackage } from "../emit/index.ts";
import { lowerSpec } from "../lower/lower.ts";
import { lowerBucket, requestOf, type Target, TILE_AXES } from "../lower/tiles.ts";
import { allOf } from "../plan/call.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import { trafficSeconds } from "../profile/estimate.ts";
import { scheduleOf } from "../schedule/registry.ts";
import { cutText, deviceLayer } from "../spec/formats.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { deviceOf } from "../target/device/registry.ts";
import type { CandidateId, DropStage, FailureKind } from "./record.ts";

export interface Refused {
  readonly stage: DropStage;
  readonly kind: FailureKind;
  readonly reason: string;
}

export interface Prepared {
  readonly id: CandidateId;
  readonly plan: Plan;
  readonly kernel: KernelPlan;
  /** Seconds by the plan alone: what orders candidates before any is compiled. */
  readonly guess: number;
  /** Seconds of its bytes and FLOPs at peak rates: none is predicted below. */
  readonly least: number;
}

export interface Judged {
  readonly id: CandidateId;
  /** Absent where the tiles are illegal. */
  readonly kernel?: KernelPlan;
  readonly refused?: Refused;
  readonly prepared?: Prepared;
}

/**
 * Legal tiles, then memory, then the plan of this one bucket on this one device; `refused` says
 * what it failed at. Throws RangeError for a bucket that the spec does not have.
 */
export function judgeCandidate(spec: MoeSpec, id: CandidateId): Judged {
  const device = deviceOf(id.device);
  const schedule = scheduleOf(spec.schedule.kind);
  const bucket = spec.schedule.tiles[id.bucket];
  if (bucket === undefined) throw new RangeError(`no bucket ${id.bucket}`);
  for (const axis of TILE_AXES) {
    const { text, legal } = schedule.axisRule(deviceLayer(spec.layer, spec.mesh), axis);
    if (legal.includes(id.tiles[axis])) continue;
    const cut = cutText(spec.layer, spec.mesh, axis);
    const reason = `${axis} = ${id.tiles[axis]}: a tile ${text}${cut}`;
    return { id, refused: { stage: "legality", kind: "illegal", reason } };
  }
  const target: Target = { spec, schedule, device };
  const request = requestOf(id.bucket, bucket, id.tiles);
  const kernel = lowerBucket(target, request);
  for (const space of ["vmem", "smem"] as const) {
    const { used, available } = kernel[space];
    if (used <= available) continue;
    const reason = `${used} of ${available} bytes of ${space.toUpperCase()}`;
    return { id, kernel, refused: { stage: "vmem", kind: space, reason } };
  }
  // Times were predicted for the tiles that the spec has.
  const { predicted: _, ...plain } = bucket;
  const only: MoeSpec = {
    ...spec,
    devices: [id.device],
    schedule: { ...spec.schedule, tiles: { [id.bucket]: { ...plain, ...id.tiles } } },
  };
  const chosen = { bt: "written", bf: "written", bd: "written" } as const;
  const plan = lowerSpec(only, [{ request, chosen, kernel }]);
  return { id, kernel, prepared: { id, plan, kernel, ...guessOf(kernel) } };
}

/** What starting one copy costs besides its bytes: orders tiles, judges nothing. */
const SECONDS_A_COPY = 2e-7;

/** Bytes and FLOPs over peak rates; with padded rows and copies enough to try promising tiles first. */
function guessOf(kernel: KernelPlan): Pick<Prepared, "guess" | "least"> {
  const { hbm, matrix, ici } = trafficSeconds(kernel, deviceOf(kernel.device));
  const { stages, streams } = allOf(kernel);
  // Before the loop over experts are the shared experts' bodies.
  const first = stages.findIndex(({ per }) => per === "expert");
  const body = stages.find(({ flops, rows }, at) => at > first && flops > 0 && rows !== undefined);
  const multiplied = (body?.rows ?? 0) * (body?.trips ?? 0);
  const rows = kernel.axes.find(({ name }) => name === "bt")?.size ?? 1;
  const padding = Math.max(1, multiplied / (rows * kernel.traffic.activeExperts));
  const copies = streams.reduce((sum, stream) => sum + stream.copies, 0);
  return {
    guess: Math.max(hbm, matrix * padding, ici) + copies * SECONDS_A_COPY,
    least: Math.max(hbm, matrix, ici),
  };
}

/** The candidate's package: path → text. */
export function filesOf({ plan }: Prepared): Promise<ReadonlyMap<string, string>> {
  return emitPackage(plan);
}
