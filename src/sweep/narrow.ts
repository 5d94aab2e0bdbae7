/**
 * A search that compiles what others follow from, ranks all candidates by it, and compiles those that
 * may win: as a grid in its winners, with a fraction of its compilations.
 */

import type { Estimator } from "../profile/estimate.ts";
import type { CompileTargetResult } from "../runner/types.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { derive } from "./derive.ts";
import { type Choosing, closest } from "./objectives.ts";
import {
  type Candidate,
  candidatesAmong,
  type Line,
  linesOf,
  missing,
  type Point,
  serves,
} from "./points.ts";
import { type Judged, judgeCandidate } from "./prepare.ts";
import type { CandidateId, SweepRecord } from "./record.ts";
import type { Job, Passed, Search } from "./search.ts";
import { candidatesOf, type Space } from "./space.ts";

/** Of a bucket and device: so few are compiled as they are. */
const FEW = 4;

export interface NarrowOptions extends Choosing {
  readonly estimator: Estimator;
}

/** All candidates of the spaces; `keep` of each bucket and device are compiled at least. */
export function narrowSearch(
  spec: MoeSpec,
  spaces: readonly Space[],
  options: NarrowOptions,
): Search {
  return new Narrow(spec, spaces, options);
}

class Narrow implements Search {
  readonly kind = "derived";
  readonly total: number;
  private readonly options: NarrowOptions;
  private readonly candidates: readonly Candidate[];
  private readonly lines: readonly Line[];
  private readonly queue: Job[] = [];
  private outstanding = 0;
  private ended = false;
  private wake: () => void = () => {};

  constructor(spec: MoeSpec, spaces: readonly Space[], options: NarrowOptions) {
    this.options = options;
    const groups = spaces.map((space) =>
      candidatesOf(space).map((id: CandidateId) => judgeCandidate(spec, id)),
    );
    this.total = groups.reduce((sum, group) => sum + group.length, 0);
    const refused = groups.flat().filter(({ prepared }) => prepared === undefined);
    this.queue.push(...refused.map((judged) => this.job(judged)));
    const sound = groups.map(candidatesAmong);
    this.candidates = sound.flat();
    this.lines = sound
      .filter((group) => group.length > FEW)
      .flatMap((group) => linesOf(spec, group));
    const few = sound.filter((group) => group.length <= FEW).flat();
    this.queue.push(...few.map((candidate) => this.compile(candidate)));
  }

  passed(): readonly Passed[] {
    return this.candidates.flatMap(({ judged, derived, record, given }) =>
      given || record !== undefined || derived === undefined ? [] : [{ ...judged.id, ...derived }],
    );
  }

  pruned(): number {
    return 0;
  }

  ready(): number {
    return this.queue.length;
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  async next(): Promise<Job | undefined> {
    while (!this.ended) {
      const job = this.queue.shift() ?? this.more();
      if (job !== undefined) {
        this.outstanding += 1;
        return job;
      }
      if (this.outstanding === 0) return undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return undefined;
  }

  /** What the answers so far ask for: bundles that others follow from, then those that may win. */
  private more(): Job | undefined {
    if (this.outstanding > 0) return undefined;
    const points = this.lines.flatMap(missing);
    if (points.length > 0) this.queue.push(...points.map((point) => this.probe(point)));
    else {
      for (const point of this.lines.flat()) this.rank(point);
      const unknown = this.candidates.filter(({ derived, given }) => !given && !derived);
      const wanted = unknown.length > 0 ? unknown : closest(this.candidates, this.options);
      this.queue.push(...wanted.map((candidate) => this.compile(candidate)));
    }
    return this.queue.shift();
  }

  private rank(point: Point): void {
    const { counted } = point;
    const from = point.probe.prepared?.kernel;
    if (counted === undefined || from === undefined) return;
    for (const member of point.members) {
      if (member.derived !== undefined || !serves(point, member)) continue;
      const derived = derive(member.prepared, counted, from, this.options.estimator);
      if (derived !== undefined) member.derived = derived;
    }
  }

  private probe(point: Point): Job {
    const { own, probe } = point;
    if (own !== undefined) own.given = true;
    return this.job(probe, {
      ...{ counted: true, candidate: own !== undefined },
      heard: (record, target) => {
        if (own !== undefined) own.record = record;
        if (target?.bundles === undefined) point.failed = true;
        else point.counted = target;
      },
    });
  }

  private compile(candidate: Candidate): Job {
    candidate.given = true;
    return this.job(candidate.judged, {
      heard: (record) => {
        candidate.record = record;
      },
    });
  }

  private job(
    judged: Judged,
    {
      heard = () => {},
      ...rest
    }: Partial<Pick<Job, "counted" | "candidate">> & {
      readonly heard?: (record: SweepRecord, target: CompileTargetResult | undefined) => void;
    } = {},
  ): Job {
    return {
      ...{ judged, counted: false, candidate: true, ...rest },
      tell: async (record, target) => {
        heard(record, target);
        this.outstanding -= 1;
        this.wake();
      },
    };
  }
}
