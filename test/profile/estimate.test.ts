import { expect, it } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { ownKernel } from "../../src/predict/contender.ts";
import { predict } from "../../src/predict/predict.ts";
import { estimate } from "../../src/profile/estimate.ts";
import type { KernelProfile } from "../../src/profile/profile.ts";
import type { Bundles } from "../../src/runner/types.ts";
import { devices } from "../../src/target/device/registry.ts";
import { qwen } from "../cli/moegen.ts";
import counted from "../predict/qwen3-v6e-64.bundles.json" with { type: "json" };

it("ranks by what `predict` says of the same bundles, in well under a second of processor time", async () => {
  const { plan } = await checkFile(qwen);
  if (plan === undefined) throw new Error("the example is wrong");
  const bundles: Bundles = counted.bundles;
  const call = { device: "v6e", tokens: 64, skew: { kind: "uniform" } } as const;
  const { request, steps } = ownKernel(plan, call, bundles);
  const predicted = predict(request, steps);
  const profile = { total: { cycles: 35_000 } } as KernelProfile;
  const start = process.cpuUsage();
  const ranked = estimate({ plan, device: "v6e", tokens: 64, bundles, profile });
  // A compile takes seconds: the prediction must not show beside it.
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(2);
  expect(ranked).toMatchObject({
    ...{ seconds: predicted.seconds, floor: predicted.floor.seconds, boundBy: predicted.bound },
    ...{ low: predicted.range.low, high: predicted.range.high },
  });
  expect(ranked.compute).toBeCloseTo(35_000 / devices.v6e.clock, 12);
  // Twenty times the bundles cannot be quicker.
  const scopes: Record<string, number> = {};
  for (const [name, many] of Object.entries(bundles.scopes)) scopes[name] = 20 * many;
  const worse = estimate({
    plan,
    device: "v6e",
    tokens: 64,
    bundles: { ...bundles, scopes },
    profile,
  });
  expect(worse.seconds).toBeGreaterThan(ranked.seconds);
});
