/** Experts without a gate: the package has no word of one, and no name that others have as their own. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { moe } from "../../src/index.ts";
import { allOf } from "../../src/plan/call.ts";

/** Resident where the tiles are the whole axes, else streamed. */
function specOf(bf: number, bd: number) {
  return moe({
    name: "gateless",
    layer: {
      experts: 16,
      topK: 4,
      hidden: 512,
      intermediate: 256,
      activation: "relu2",
      routing: { scoring: "sigmoid", renormalize: true },
      quantization: { weights: "float8_e4m3fn", granularity: "per_channel" },
    },
    mesh: { ep: 2 },
    devices: ["v6e"],
    schedule: { kind: "gather", tiles: { prefill: { upTo: 512, bt: 128, bf, bd } } },
  });
}

test.each([
  ["resident", 256, 512],
  ["streamed", 128, 256],
] as const)("%s weights are up's and down's alone", async (_, bf, bd) => {
  const { plan } = judge(specOf(bf, bd), registries);
  if (plan === undefined) expect.unreachable("no plan");
  const files = await emitPackage(plan);
  const words = [...files].flatMap(([file, text]) =>
    [...text.matchAll(/.*\bgate(?:s|d|_\w+)?\b.*/g)].map(([line]) => `${file}: ${line.trim()}`),
  );
  expect(words).toEqual([]);
  // A function called "up" would be imported wherever a variable is.
  expect([...files].filter(([, text]) => /def up\(|import up\b|^ {4}up,$/m.test(text))).toEqual([]);
  const names = plan.kernels.flatMap((kernel) => {
    const { stages, streams, buffers } = allOf(kernel);
    return [...stages, ...streams, ...buffers].map(({ name }) => name);
  });
  expect(names.filter((name) => name.includes("gate"))).toEqual([]);
  expect(names).toContain("up_in");
});
