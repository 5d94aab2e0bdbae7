/** Steps of copies that have slots of their own: rows an expert, or a block, ahead of their use. */
import type { Stage, Stream } from "../../plan/plan.ts";
import type { Job } from "../job.ts";
import type { Here, Quantity, Step } from "../step.ts";
import type { Read, Work } from "./work.ts";

/** A copy into VMEM or SMEM. */
export const isIn = ({ remote, to }: Stream): boolean => !remote && to !== "HBM";
/** A copy to HBM. */
export const isOut = ({ remote, to }: Stream): boolean => !remote && to === "HBM";

/** One of so many like parts of a stream's copies in a call. */
export function copyOf(stream: Stream, times: number): Step {
  const hbm = stream.from === "HBM" || stream.to === "HBM";
  return {
    do: "start",
    stream: stream.name,
    bytes: hbm ? stream.bytes / times : 0,
    copies: stream.copies / times,
  };
}

/** What a stage starts of a stream in a pass: in the first one nothing of what started at entry. */
export function passShare(stream: Stream, { per }: Stage, { passes, stages }: Read): Step {
  const copy = copyOf(stream, Math.max(1, passes));
  const entry = stages.find(({ name }) => name === stream.issuedBy);
  if (per !== "pass" || entry?.per !== "call") return copy;
  return { do: "when", test: (here) => here.trip("pass") > 0, body: [copy] };
}

/** Waits for the oldest copies of a stream. */
export function waitFor(stream: string): Step {
  return { do: "wait", stream };
}

/** Which block's rows a copy is of. */
type Which = "first" | "this" | "rest" | "next";

/** Steps of one Pallas call's copies with slots of their own, from its plan and the rows at hand. */
export class Slotted {
  private readonly kernel: Read;
  private readonly work: Work;
  private readonly job: Job;

  constructor(kernel: Read, work: Work, job: Job) {
    this.kernel = kernel;
    this.work = work;
    this.job = job;
  }

  /** Of the streams that stages start, those with slots of their own that come a block ahead. */
  streams(stages: readonly Stage[]): readonly Stream[] {
    const names = new Set(stages.flatMap(({ starts }) => starts));
    return this.kernel.streams.filter(
      ({ name, slots, withBlock }) => names.has(name) && slots !== undefined && withBlock !== true,
    );
  }

  /**
   * A stage of such copies: they come a block ahead, or with it. What the machine takes for the issue of a copy
   * is part of the compiler's count.
   */
  steps(stage: Stage, cycles: Quantity): readonly Step[] {
    const named = (names: readonly string[]): readonly Stream[] =>
      names.flatMap((name) => this.kernel.streams.filter((stream) => stream.name === name));
    const rest = named(stage.starts).find(
      (stream) => stream.withBlock === true && stage.name !== stream.issuedBy,
    );
    const steps: readonly Step[] = [
      ...named(stage.waits).map(({ name }) => waitFor(name)),
      { do: "compute", stage: stage.name, cycles },
    ];
    if (rest === undefined) {
      const which = ({ withBlock }: Stream): Which => (withBlock === true ? "this" : "next");
      return [...steps, ...named(stage.starts).map((stream) => this.rows(stream, which(stream)))];
    }
    // What of a block's rows did not come at once, beside nothing: as if all did together.
    const test = (here: Here): boolean => this.part("rest", here, rest.atOnce) > 0;
    return [{ do: "when", test, body: [...steps, this.rows(rest, "rest"), waitFor(rest.name)] }];
  }

  /** Copies of a block's rows, if there is one. */
  rows(stream: Stream, which: Which): Step {
    const part = (here: Here): number => this.part(which, here, stream.atOnce);
    const bytes = (here: Here): number => stream.bytes * part(here);
    const copies = (here: Here): number => stream.copies * part(here);
    return {
      do: "when",
      test: (here) => part(here) > 0,
      body: [{ do: "start", stream: stream.name, bytes, copies, counted: true }],
    };
  }

  /** What a block has of a device's routed rows in a call, on average. */
  private part(which: Which, here: Here, atOnce = Number.POSITIVE_INFINITY): number {
    const all = Math.max(1, (this.job.tokens * this.job.layer.topK) / this.job.ep);
    if (which === "first" || which === "next") {
      return this.work.rowsAfter(here, which === "first") / all;
    }
    const rows = this.work.blockRows(here);
    const first = Math.min(rows, atOnce);
    return (which === "this" ? first : rows - first) / all;
  }
}
