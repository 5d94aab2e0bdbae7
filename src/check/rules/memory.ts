/**
 * VMEM and SMEM, from the lowered kernel: the same figures that `explain` prints. Only the tiles
 * that are built are judged; other members of a choice set are for the sweep to try and drop.
 */

import { type Alternative, fittingAlternatives } from "../../lower/alternatives.ts";
import { type ResolvedTiles, resolveTiles, type Target } from "../../lower/tiles.ts";
import type { Buffer, KernelPlan, MemorySpace, PallasCall } from "../../plan/plan.ts";
import type { TileAxis } from "../../schedule/schedule.ts";
import type { BucketSpec } from "../../spec/schedule.ts";
import type { Finding } from "../diagnostic.ts";
import { formatBytes } from "../numbers.ts";
import { bucketPath } from "./buckets.ts";
import { error } from "./rule.ts";

export interface Judged {
  readonly findings: readonly Finding[];
  readonly tiles?: ResolvedTiles;
}

/** One bucket on one device. */
export function judgeMemory(target: Target, name: string, bucket: BucketSpec): Judged {
  const resolution = resolveTiles(target, name, bucket);
  const device = target.device.name;
  if (!resolution.ok) {
    const axis = resolution.axes[0] ?? "bf";
    const { smallest } = resolution;
    return {
      findings: [
        error({
          code: "MOE203",
          path: bucketPath(name, axis),
          message:
            smallest === undefined
              ? `no ${axis} is legal for this layer`
              : `no legal ${resolution.axes.join(", ")} fits ${device}: the smallest tiles need ${usage(smallest, "VMEM")}`,
          detail: device,
          ...(smallest === undefined ? {} : { note: biggest(smallest, "VMEM") }),
        }),
      ],
    };
  }
  const { kernel, request } = resolution.tiles;
  const findings: Finding[] = [];
  if (kernel.vmem.used > kernel.vmem.available) {
    const alternatives = fittingAlternatives(target, request);
    // No tile changes what a call of its own holds beside the experts': tokens do.
    const [first] = pallasCalls(kernel);
    const beside = alternatives.length === 0 && largestOf(kernel, "VMEM") !== first;
    const blamed = beside ? "upTo" : axisToBlame(alternatives);
    findings.push(
      error({
        code: "MOE201",
        path: bucketPath(name, blamed),
        message: `${name} needs ${usage(kernel, "VMEM")} on ${device}`,
        detail: `${device} ${formatBytes(kernel.vmem.used)} > ${formatBytes(kernel.vmem.available)}`,
        nearest: alternatives.map(describe),
        note: biggest(kernel, "VMEM"),
      }),
    );
  }
  if (kernel.smem.used > kernel.smem.available) {
    findings.push(
      error({
        code: "MOE202",
        path: bucketPath(name, "upTo"),
        message: `${name} needs ${usage(kernel, "SMEM")} on ${device}`,
        detail: `${device} ${formatBytes(kernel.smem.used)} > ${formatBytes(kernel.smem.available)}`,
        note: biggest(kernel, "SMEM"),
      }),
    );
  }
  return { findings, tiles: resolution.tiles };
}

function usage(kernel: KernelPlan, space: "VMEM" | "SMEM"): string {
  const { used, available } = space === "VMEM" ? kernel.vmem : kernel.smem;
  return `${formatBytes(used)} of ${formatBytes(available)} ${space}`;
}

function pallasCalls({ calls }: KernelPlan): readonly PallasCall[] {
  return calls.filter((call) => call.kind === "pallas");
}

/** Of the calls, each of which has the memory to itself, the one that takes most. */
function largestOf(kernel: KernelPlan, space: MemorySpace): PallasCall | undefined {
  const bytesOf = ({ buffers }: PallasCall): number =>
    buffers.reduce((sum, each) => sum + (each.space === space ? each.bytes : 0), 0);
  return pallasCalls(kernel).reduce<PallasCall | undefined>(
    (most, call) => (most === undefined || bytesOf(call) > bytesOf(most) ? call : most),
    undefined,
  );
}

function biggest(kernel: KernelPlan, space: MemorySpace): string {
  const describeBuffer = (buffer: Buffer): string =>
    `${buffer.name}${buffer.slots > 1 ? ` × ${buffer.slots} slots` : ""} ${formatBytes(buffer.bytes)}`;
  const buffers = (largestOf(kernel, space)?.buffers ?? [])
    .filter((buffer) => buffer.space === space)
    .sort((a, b) => b.bytes - a.bytes);
  return `biggest buffers: ${buffers.slice(0, 4).map(describeBuffer).join(" · ")}`;
}

/** "bf 384 → 52.4 MiB" */
function describe({ changes, kernel }: Alternative): string {
  const parts = Object.entries(changes).map(([axis, value]) => `${axis} ${value}`);
  return `${parts.join(", ")} → ${formatBytes(kernel.vmem.used)}`;
}

/** The literal to change: the axis of the first alternative, else the weights' tile. */
function axisToBlame(alternatives: readonly Alternative[]): TileAxis | "slots" {
  const first = Object.keys(alternatives[0]?.changes ?? {})[0];
  return first === "bt" || first === "bd" || first === "slots" ? first : "bf";
}
