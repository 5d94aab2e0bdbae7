/**
 * A search that compiles the candidate that may be the best by what is known so far, learns its stages,
 * and goes on until the best is one that was compiled: as a grid in its winners, with a fraction of its
 * compilations. The winner is another than the grid's only where a stage costs less than `derive` says
 * that it surely does.
 */

import type { Estimator } from "../profile/estimate.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { type Counted, countedOf } from "./counted.ts";
import { type Composed, compose, derive } from "./derive.ts";
import { type Candidate, type Choosing, closest } from "./objectives.ts";
import { type Judged, judgeCandidate } from "./prepare.ts";
import type { CandidateId } from "./record.ts";
import type { Job, Passed, Search } from "./search.ts";
import { candidatesOf, type Space } from "./space.ts";
import { SAME } from "./winners.ts";

/** Of a bucket and device: so few are compiled as they are. */
const FEW = 4;

/** In place of what a time was reckoned by. */
const ROUGHLY = "roughly";

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
  private readonly known: Counted[] = [];
  /** What a candidate's time was reckoned by. */
  private readonly reckoned = new Map<Candidate, Pick<Composed, "bundles" | "sign">>();
  private readonly queue: Job[] = [];
  private wanted: Candidate[] = [];
  private outstanding = 0;
  private decided = false;
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
    const first = sound.flatMap((group) => (group.length <= FEW ? group : likeliest(group)));
    this.queue.push(...first.map((candidate) => this.compile(candidate)));
  }

  /** As long as the winners are not known any other may still be one. */
  passed(): readonly Passed[] {
    const left = this.decided ? this.candidates.filter(({ given }) => !given) : [];
    return left.map(({ judged, derived }) => ({ ...judged.id, ...derived }));
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

  /**
   * The next that may win by all that is known; none: the winners are known, or others are asked that
   * tell more. Each answer counts: what was wanted before it is asked only by further workers meanwhile.
   */
  private more(): Job | undefined {
    if (this.outstanding === 0) this.wanted = [...this.best()];
    const candidate = this.wanted.shift();
    this.decided = candidate === undefined && this.outstanding === 0;
    return candidate && this.compile(candidate);
  }

  private best(): readonly Candidate[] {
    for (;;) {
      const wanted = closest(this.candidates, this.options);
      // Times are reckoned anew only where they decide what comes next.
      if (wanted.filter((candidate) => this.reckon(candidate)).length === 0) return wanted;
    }
  }

  /**
   * Whether more is known of it than when its time was reckoned last; then it is reckoned again, first
   * roughly: most need no more than that.
   */
  private reckon(candidate: Candidate): boolean {
    const composed = compose(candidate.prepared, this.known);
    const before = this.reckoned.get(candidate);
    if (composed === undefined || before?.sign === composed.sign) return false;
    const rough = before === undefined;
    const { bundles, sign } = composed;
    this.reckoned.set(candidate, { bundles, sign: rough ? ROUGHLY : sign });
    candidate.derived = derive(composed, this.options.estimator, rough);
    return true;
  }

  /** What takes less by a kernel that was compiled than it was thought to is reckoned again. */
  private learn(counted: Counted): void {
    this.known.push(counted);
    for (const candidate of this.candidates) {
      const before = this.reckoned.get(candidate);
      if (candidate.given || before === undefined) continue;
      const { bundles = before.bundles } = compose(candidate.prepared, this.known) ?? {};
      if (bundles < before.bundles * (1 - SAME)) this.reckon(candidate);
    }
  }

  private compile(candidate: Candidate): Job {
    candidate.given = true;
    return this.job(candidate.judged, (record, target) => {
      candidate.record = record;
      const counted = target && countedOf(candidate.prepared, target);
      if (counted !== undefined) this.learn(counted);
    });
  }

  private job(judged: Judged, heard: (...said: Parameters<Job["tell"]>) => void = () => {}): Job {
    return {
      ...{ judged, counted: judged.prepared !== undefined },
      tell: async (record, target) => {
        heard(record, target);
        this.outstanding -= 1;
        this.wake();
      },
    };
  }
}

/** Those that the plan does not refuse; of them so much is known before any is compiled. */
function candidatesAmong(judged: readonly Judged[]): readonly Candidate[] {
  return judged.flatMap((each) => {
    const { prepared } = each;
    if (prepared === undefined) return [];
    const derived = { seconds: prepared.least, cycles: 0, exact: false };
    return [{ judged: each, prepared, derived, given: false }];
  });
}

/** A guess within so much of the least may be the best's. */
const NEAR = 0.1;

/**
 * Of those that the plan alone calls quick the ones with the smallest weight tile, which compile soonest;
 * of them the first with two bodies, which say what more rows cost.
 */
function likeliest(group: readonly Candidate[]): readonly Candidate[] {
  const least = Math.min(...group.map(({ prepared }) => prepared.guess));
  const quick = group.filter(({ prepared }) => prepared.guess <= least * (1 + NEAR));
  const sizeOf = ({ judged }: Candidate): number => judged.id.tiles.bf * judged.id.tiles.bd;
  const smallest = Math.min(...quick.map(sizeOf));
  const alike = quick.filter((each) => sizeOf(each) === smallest);
  const bodiesOf = ({ prepared }: Candidate): number => prepared.kernel.tiles.btc.length;
  const found = alike.find((each) => bodiesOf(each) > 1) ?? alike[0];
  return found === undefined ? [] : [found];
}
