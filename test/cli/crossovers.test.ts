/** What `explain --crossovers` and `predict` say of times that stand written and are no longer so. */
import { expect, test } from "vitest";
import { outdated } from "../../src/cli/explain/crossovers.ts";
import { type PredictedCalls, staleLine, staleTimes } from "../../src/cli/predict/times.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { checkText } from "../check/marked.ts";
import { severalText, withOther } from "../check/several-cases.ts";

async function planOf(more = ""): Promise<Plan> {
  const times = (gather: number, other: number): string =>
    `predicted: { v6e: { gather: ${gather}, other: ${other}, epmoe: 90 } }`;
  const tiles = `decode: { upTo: 64, ${times(10, 15)}${more} }, prefill: { upTo: 256, ${times(40, 30)} }`;
  const { plan } = await checkText(severalText(tiles), undefined, undefined, withOther());
  if (plan === undefined) expect.unreachable("no plan");
  return plan;
}

const at = (tokens: number, name: string, us: number) => ({ name, tokens, seconds: us * 1e-6 });

/** As `predict` has them: of a time what is asked for alone. */
function callOf(tokens: number, times: Readonly<Record<string, number>>): PredictedCalls {
  const predicted = Object.entries(times).map(([name, us]) => ({
    name,
    prediction: { seconds: us * 1e-6 },
  }));
  return { device: "v6e", tokens, predicted, verdict: null } as unknown as PredictedCalls;
}

test("a bucket that another schedule would run by now is named, unless the spec says who", async () => {
  const times = [at(64, "gather", 20), at(64, "other", 15), at(256, "gather", 40)];
  const found = outdated(
    { device: "v6e", times: [...times, at(256, "other", 30)] },
    await planOf(),
  );
  expect(found).toEqual([expect.stringMatching(/decode is built with gather.*T = 64 other is/)]);
  const asked = await planOf(', use: "gather"');
  expect(outdated({ device: "v6e", times }, asked)).toEqual([
    expect.stringContaining("prefill is built with other"),
  ]);
});

test("times that stand written and are no longer predicted are named, others are not", async () => {
  const plan = await planOf();
  const members = ["gather", "other"].map((name) => ({ name, plan }) as never);
  const calls = [
    callOf(64, { gather: 20, other: 15.1, epmoe: 90 }),
    callOf(256, { gather: 40, other: 30, epmoe: 90 }),
  ];
  const stale = staleTimes(plan, members, calls);
  expect(stale).toEqual([
    { bucket: "decode", device: "v6e", name: "gather", written: 10, now: expect.closeTo(20) },
  ]);
  expect(stale.map((one) => staleLine(one, "x.moe.ts"))).toEqual([
    "the times of decode on v6e are not these (gather 10 us written, 20 us now): moegen predict x.moe.ts --write",
  ]);
});
