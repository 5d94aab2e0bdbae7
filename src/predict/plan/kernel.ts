/** Steps of a kernel of our own, read from its plan; what its stages cost, from its own bundles. */
import type { KernelPlan } from "../../plan/plan.ts";
import type { Bundles } from "../../runner/types.ts";
import type { Job } from "../job.ts";
import { collective, operations } from "../pieces/xla.ts";
import type { Step } from "../step.ts";
import { KernelReader } from "./reader.ts";
import type { Reading } from "./work.ts";

/** All calls of a kernel one after the other: Pallas calls by their stages, XLA's by their bytes. */
export function kernelSteps(
  kernel: KernelPlan,
  bundles: Bundles,
  job: Job,
  reading: Reading = {},
): readonly Step[] {
  const { tiles, passes } = kernel;
  return kernel.calls.flatMap((call) => {
    if (call.kind === "collective") return collective(job, call.name, call.bytes);
    if (call.kind === "xla") return [operations(job, call.name, call.operations, call.bytes)];
    return new KernelReader({ ...call, tiles, passes }, bundles, job, reading).steps();
  });
}
