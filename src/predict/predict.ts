/** A prediction: time with its uncertainty, the floor, what bounds it, what is not hidden. */
import type { DeviceFacts } from "../target/device/facts.ts";
import { type Floor, floorOf } from "./floor.ts";
import type { Job } from "./job.ts";
import type { WaitKind } from "./machine/account.ts";
import { OTHERS, type Simulated, simulate } from "./machine/simulate.ts";
import { imbalance } from "./routing/sample.ts";
import { type JobRequest, jobOf } from "./run.ts";
import type { Step } from "./step.ts";
import { type Spread, spreadOf } from "./uncertainty.ts";

export interface Part {
  readonly name: string;
  readonly seconds: number;
}

export interface Prediction {
  /** Mean over the routing samples. */
  readonly seconds: number;
  /** Where four of five measurements should lie. */
  readonly range: { readonly low: number; readonly high: number; readonly source: string };
  readonly floor: Floor;
  /** What the slowest device spends most of its time on. */
  readonly bound: "core" | WaitKind;
  /** Seconds of the slowest device: its core at work, by stage; its waits, by cause. */
  readonly work: readonly Part[];
  readonly exposed: readonly Part[];
  /** Rows of the device with most over the mean. */
  readonly imbalance: number;
  readonly samples: number;
}

/** Routing samples that a prediction is the mean of. */
const SAMPLES = 3;

/**
 * Time of a call and what bounds it, over several draws of its routing.
 *
 * @throws RangeError without a draw; what `steps` throws.
 */
export function predict(
  request: JobRequest,
  steps: (job: Job) => readonly Step[],
  samples = SAMPLES,
): Prediction {
  const certain = request.skew.kind === "balanced" || request.skew.kind === "recorded";
  const count = certain ? 1 : samples;
  const runs = Array.from({ length: count }, (_, at) => {
    const job = jobOf({ ...request, seed: (request.seed ?? 0) + at });
    return { job, simulated: simulate(steps(job), job.device, job.ep) };
  });
  const times = runs.map(({ simulated }) => simulated.seconds);
  const seconds = mean(times);
  const [middle] = [...runs].sort(
    (a, b) => Math.abs(a.simulated.seconds - seconds) - Math.abs(b.simulated.seconds - seconds),
  );
  if (middle === undefined) throw new RangeError("a prediction needs a sample");
  return {
    seconds,
    range: rangeOf(times, request.device),
    floor: floorOf(middle.job),
    ...breakdown(middle.simulated),
    imbalance: mean(runs.map(({ job }) => imbalance(job.routing, job.ep))),
    samples: count,
  };
}

function rangeOf(times: readonly number[], device: DeviceFacts): Prediction["range"] {
  const spread: Spread = spreadOf(device);
  return {
    low: Math.min(...times) * spread.low,
    high: Math.max(...times) * spread.high,
    source: spread.source,
  };
}

/** The device that the others wait for. */
function breakdown({ devices }: Simulated): Pick<Prediction, "bound" | "work" | "exposed"> {
  const [slowest] = [...devices].sort(
    (a, b) => (a.account.exposed.get(OTHERS) ?? 0) - (b.account.exposed.get(OTHERS) ?? 0),
  );
  if (slowest === undefined) return { bound: "core", work: [], exposed: [] };
  const { account } = slowest;
  const bounds: [Prediction["bound"], number][] = [["core", account.worked], ...account.kinds];
  const [largest] = bounds.sort(([, a], [, b]) => b - a);
  return {
    bound: largest?.[0] ?? "core",
    work: parts(account.busy),
    exposed: parts(account.exposed),
  };
}

function parts(map: ReadonlyMap<string, number>): readonly Part[] {
  return [...map]
    .filter(([, seconds]) => seconds > 0)
    .map(([name, seconds]) => ({ name, seconds }))
    .sort((a, b) => b.seconds - a.seconds);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
