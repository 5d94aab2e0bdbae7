/** What the plan of a published kernel's schedule is: one file each, and a line in the registry. */
import type { Job } from "../job.ts";
import type { Step } from "../step.ts";

export interface Published {
  /** Word for `--compare`. */
  readonly name: string;
  readonly title: string;
  /** How the kernel goes about it, in a sentence. */
  readonly about: string;
  /** Repository, commit and file that the schedule was read from. */
  readonly source: string;
  /** Names that records of measurements give it. */
  readonly records: RegExp;
  /** Tile parameters it reads; what a job lacks is chosen as `tiles` says. */
  readonly reads: readonly string[];
  /** The steps of one device. */
  readonly steps: (job: Job) => readonly Step[];
}
