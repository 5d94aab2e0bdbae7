/** Lowers every bucket on every device and judges what comes out. */

import type { ResolvedTiles } from "../lower/tiles.ts";
import { isStreamed } from "../plan/call.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { leavesRows } from "../spec/rows.ts";
import type { Finding, SpecPath } from "./diagnostic.ts";
import type { JudgedKernels } from "./judged-kernels.ts";
import { judgeWithRows } from "./rows.ts";
import { bucketPath } from "./rules/buckets.ts";
import { judgeMemory } from "./rules/memory.ts";
import type { RuleContext } from "./rules/rule.ts";

/** What the rules that need no kernel said. */
export interface JudgedRules {
  readonly context: RuleContext;
  readonly findings: readonly Finding[];
}

/** Whether a bucket is lowered on a device. */
type Wanted = (bucket: string, device: string) => boolean;

/**
 * A bucket with an error of its own is left out, and all are where the layer cannot be lowered.
 *
 * @param wanted absent: every bucket on every device
 */
export function judgeKernels(
  context: RuleContext,
  before: readonly Finding[],
  wanted: Wanted = () => true,
): JudgedKernels {
  const { sound, schedule } = context;
  // Figures of a layer that the schedule cannot run, or that does not divide, would mislead.
  const blocked = before.some(({ code }) =>
    ["MOE105", "MOE106", "MOE112", "MOE122", "MOE146", "MOE180", "MOE181"].includes(code),
  );
  const ready = sound("layer") && sound("mesh") && sound("devices") && !blocked;
  if (schedule === undefined || !ready) return { findings: [], resolved: [], lowered: 0 };
  if (leavesRows(context.spec)) {
    return judgeWithRows(context, (spec) =>
      lowerAlike({ ...context, spec }, schedule, before, wanted),
    );
  }
  return lowerAlike(context, schedule, before, wanted);
}

/** All kernels of a package: of one whose weights come in tiles they do in all. */
function lowerAlike(
  context: RuleContext,
  schedule: Schedule,
  before: readonly Finding[],
  wanted: Wanted,
): JudgedKernels {
  const apart = lowerAll(context, schedule, before, false, wanted);
  const kernels = apart.resolved.map(({ kernel }) => kernel);
  // One kernel body serves the whole package: if one must stream its weights in tiles, all do.
  const mixed = isStreamed(kernels) && kernels.some(({ tiles }) => !tiles.streamed);
  if (!mixed) return apart;
  const all = lowerAll(context, schedule, before, true, wanted);
  return { ...all, lowered: apart.lowered + all.lowered };
}

function lowerAll(
  { spec, sound, devices }: RuleContext,
  schedule: Schedule,
  before: readonly Finding[],
  streamed: boolean,
  wanted: Wanted,
): JudgedKernels {
  const findings: Finding[] = [];
  const resolved: ResolvedTiles[] = [];
  let lowered = 0;
  for (const [name, bucket] of Object.entries(spec.schedule.tiles ?? {})) {
    const path = bucketPath(name);
    if (!sound(...path) || failed(before, path)) continue;
    for (const deviceName of new Set(spec.devices)) {
      const device = devices[deviceName];
      if (device === undefined || !wanted(name, deviceName)) continue;
      const judged = judgeMemory({ spec, schedule, device, streamed }, name, bucket);
      lowered += 1;
      findings.push(...judged.findings);
      if (judged.tiles !== undefined) resolved.push(judged.tiles);
    }
  }
  return { findings, resolved, lowered };
}

function failed(findings: readonly Finding[], path: SpecPath): boolean {
  return findings.some(
    (finding) =>
      finding.severity === "error" &&
      finding.at !== "key" &&
      path.every((step, index) => finding.path[index] === step),
  );
}
