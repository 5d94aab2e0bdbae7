/** How often each loop of the final schedule runs in one call: the compiler's trips, else the plan's. */
import type { ScheduleProfile } from "../runner/types.ts";

/** What is known of one stage; `Stage` of the plan is one, and an adapter's `stages` are. */
export interface StageRuns {
  readonly name: string;
  /** Times in one call. */
  readonly trips: number;
  /** Trips in one call of the loops inside it, outermost first. */
  readonly loopTrips: readonly number[];
}

export interface LoopRuns {
  /** Iterations in one call, by loop. */
  readonly runs: readonly number[];
  /** Loops whose trips nobody knows: counted once for each time they are entered. */
  readonly unknown: readonly number[];
}

/** The innermost named scope of a path that is a stage; "" where none is. */
export function stageOf(scope: string, stages: ReadonlyMap<string, StageRuns>): string {
  return (
    scope
      .split("/")
      .reverse()
      .find((name) => stages.has(name)) ?? ""
  );
}

/**
 * How often each loop of a schedule runs in one call; `unknown`: neither compiler nor plan says.
 */
export function loopRuns(
  { loops, regions }: ScheduleProfile,
  stages: ReadonlyMap<string, StageRuns>,
): LoopRuns {
  const stage = loops.map(({ scope }) => stageOf(scope, stages));
  const parentOf = (index: number): number | null => loops[index]?.parent ?? null;
  const childrenOf = (index: number): readonly number[] =>
    loops.flatMap(({ parent }, child) => (parent === index ? [child] : []));
  /** Loops of the same stage on the longest way inwards, this one counted. */
  const height = (index: number): number =>
    1 +
    Math.max(
      0,
      ...childrenOf(index).flatMap((c) => (stage[c] === stage[index] ? [height(c)] : [])),
    );
  /** A loop in no stage runs as often as the stages directly in it, or in the loops inside. */
  const fromInside = (index: number): number | undefined => {
    const direct = regions
      .filter(({ loop }) => loop === index)
      .map(({ scope }) => stages.get(stageOf(scope, stages))?.trips ?? 0);
    const most = Math.max(0, ...direct);
    if (most > 0) return most;
    const inner = childrenOf(index).map((child) => {
      const name = stage[child] ?? "";
      return name === "" ? (fromInside(child) ?? 0) : (stages.get(name)?.trips ?? 0);
    });
    const found = Math.max(0, ...inner);
    return found > 0 ? found : undefined;
  };

  const runs: number[] = [];
  const unknown: number[] = [];
  loops.forEach((loop, index) => {
    const parent = parentOf(index);
    const name = stage[index] ?? "";
    const entered =
      name !== "" && (parent === null || stage[parent] !== name)
        ? (stages.get(name)?.trips ?? 0)
        : parent === null
          ? 1
          : (runs[parent] ?? 1);
    const planned = stages.get(name)?.loopTrips.at(-height(index));
    const known =
      loop.trips !== null ? loop.trips * entered : name === "" ? fromInside(index) : planned;
    if (known === undefined) unknown.push(index);
    runs.push(known ?? entered);
  });
  return { runs, unknown };
}
