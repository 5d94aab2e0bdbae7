/** A legal spec by another schedule: without the tiles and options that it lacks, and what it refuses. */
import fc from "fast-check";
import { type LayerInput, type MoeInput, moe } from "../../src/index.ts";
import { schedules } from "../../src/schedule/registry.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { legalSpecs } from "./legal.ts";

/** The tiles of a bucket that a schedule has: of its axes, and of what else it may name. */
function tilesFor<T extends object>(bucket: T, { axes, options }: Schedule): Partial<T> {
  const known: readonly string[] = [...axes.map(({ name }) => name), ...options];
  const kept = Object.entries(bucket).filter(
    ([name]) => known.includes(name) || name === "upTo" || name === "predicted",
  );
  return Object.fromEntries(kept) as Partial<T>;
}

/** Without fields that no other value of them would mend. */
function layerFor(input: MoeInput, schedule: Schedule): LayerInput {
  const refused: readonly string[] = schedule
    .layerProblems(moe(input).layer)
    .filter(({ nearest }) => nearest.length === 0)
    .map(({ field }) => field);
  const kept = Object.entries(input.layer).filter(([name]) => !refused.includes(name));
  return Object.fromEntries(kept) as object as LayerInput;
}

/** Two devices share each expert in a third of the specs whose schedule has that: nothing is drawn anew. */
function cutIn(input: MoeInput, { cutsExperts }: Schedule): MoeInput {
  if (cutsExperts !== true || input.name.length % 3 !== 0) return input;
  const layer = { ...input.layer, intermediate: 2 * input.layer.intermediate };
  return { ...input, layer, mesh: { ...input.mesh, tp: 2, tpAxes: ["columns"] } };
}

function asKind(whole: MoeInput, schedule: Schedule): MoeInput {
  const input = cutIn(whole, schedule);
  const tiles = Object.entries(input.schedule.tiles).map(([name, bucket]) => [
    name,
    tilesFor(bucket, schedule),
  ]);
  const made = { kind: schedule.kind, tiles: Object.fromEntries(tiles) };
  return { ...input, layer: layerFor(input, schedule), schedule: made } as MoeInput;
}

/** The same with a layer that every schedule serves. */
export function forAllKinds(input: MoeInput): MoeInput {
  let { layer } = input;
  for (const schedule of Object.values(schedules)) layer = layerFor({ ...input, layer }, schedule);
  return { ...input, layer };
}

const [, ...others] = Object.values(schedules);

/** Two in five are of the other schedules. */
export const specsOfAllKinds: fc.Arbitrary<MoeInput> = fc.oneof(
  { weight: 3, arbitrary: legalSpecs },
  {
    weight: 2,
    arbitrary: fc
      .tuple(legalSpecs, fc.constantFrom(...others))
      .map(([input, schedule]) => asKind(input, schedule)),
  },
);
