/** Plans of random legal specs, the same on every run; their names differ. */
import fc from "fast-check";
import { registries } from "../../src/check/index.ts";
import { judge, judgeRules } from "../../src/check/judge.ts";
import { type MoeInput, moe } from "../../src/index.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { forAllKinds, specsOfAllKinds } from "./kinds.ts";
import { legalSpecs } from "./legal.ts";

export function randomPlans(count: number, seed: number): readonly Plan[] {
  const plans = new Map<string, Plan>();
  for (const input of fc.sample(specsOfAllKinds, { numRuns: 8 * count, seed })) {
    const plan = planOf(input);
    // Package folders must differ where a file system ignores case, too.
    if (plan !== undefined) plans.set(plan.name.toLowerCase(), plan);
    if (plans.size === count) break;
  }
  return [...plans.values()];
}

/** The plan of a spec that is legal. Most others break a rule that needs no kernel: lowering them is what costs. */
function planOf(input: MoeInput): Plan | undefined {
  const spec = moe(input);
  const { findings } = judgeRules(spec, registries);
  if (findings.some(({ severity }) => severity === "error")) return undefined;
  return judge(spec, registries).plan;
}

/** Plans of random layers with three schedules each, one with its rows in two places, whose names are no other plans'. */
export function severalPlans(count: number, seed: number): readonly Plan[] {
  const plans = new Map<string, Plan>();
  for (const input of fc.sample(legalSpecs, { numRuns: 100 * count, seed })) {
    const plan = planOf({
      ...forAllKinds(input),
      name: `three_${plans.size}`,
      schedule: {
        kind: "auto",
        tiles: {
          few: { upTo: 64, use: "gather" },
          some: { upTo: 256, use: "runs" },
          many: { upTo: 512, use: "gmm" },
          most: { upTo: 1024, use: "gather_hbm_sums" },
          all: { upTo: 2048, use: "gather_hbm_results" },
        },
      },
    });
    if (plan !== undefined) plans.set(plan.name, plan);
    if (plans.size === count) break;
  }
  return [...plans.values()];
}
