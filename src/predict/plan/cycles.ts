/** Cycles of one run of a stage: its bundles outside loops, and each loop's body times its trips. */
import type { Stage } from "../../plan/plan.ts";
import type { StageLoop } from "../../plan/stage-loop.ts";
import type { Bundles, Loop } from "../../runner/types.ts";
import { defined } from "../../spec/defined.ts";

/** What the loops of a stage go over in one run. */
export type Counts = (over: StageLoop["over"], each: number) => number;

export interface StageCost {
  /** Bundles that every run takes once. */
  readonly straight: number;
  /** Bundles of a loop's body without the loops inside it, and its trips in one call as the plan has them. */
  readonly loops: readonly LoopCost[];
}

interface LoopCost {
  readonly loop: StageLoop;
  readonly body: number;
  /** Under uniform routing; absent: the plan does not say. */
  readonly trips?: number;
}

const last = (scope: string): string => scope.split("/").at(-1) ?? "";

/** Bundles of a stage's loops by depth, outermost first, inner ones not counted again. */
function bodies(loops: readonly Loop[], stage: string): readonly number[] {
  const depths = new Map<number, number>();
  const visit = (inside: readonly Loop[]): void => {
    for (const { scope, depth, own, loops: inner } of inside) {
      if (last(scope) === stage) depths.set(depth, (depths.get(depth) ?? 0) + own);
      visit(inner);
    }
  };
  visit(loops);
  return [...depths].sort(([a], [b]) => a - b).map(([, own]) => own);
}

const PEERS: StageLoop = { over: "peers", each: 1 };

/** A stage's bundles by the loops that its plan has. */
export function stageCost(bundles: Bundles, stage: Stage): StageCost {
  const all = Object.entries(bundles.scopes)
    .filter(([path]) => last(path) === stage.name)
    .reduce((sum, [, count]) => sum + count, 0);
  const planned = (stage.loops ?? [PEERS]).flatMap((loop, at) =>
    loop.around ? [] : [{ loop, ...defined({ trips: stage.loopTrips[at] }) }],
  );
  // What the compiler unrolled is straight code; the loops that are left are the inner ones.
  const loops = bodies(bundles.loops, stage.name);
  const found = loops.slice(Math.max(0, loops.length - planned.length));
  const inLoops = found.reduce((sum, body) => sum + body, 0);
  return {
    straight: Math.max(0, all - inLoops),
    loops: found.map((body, at) => ({
      body,
      ...(planned[planned.length - found.length + at] ?? { loop: PEERS }),
    })),
  };
}

/** Cycles of one run, its loops going over so much. */
export function cyclesOf({ straight, loops }: StageCost, counts: Counts): number {
  return loops.reduce(
    (sum, { loop, body }) => sum + body * (loop.fixed ?? counts(loop.over, loop.each)),
    straight,
  );
}
