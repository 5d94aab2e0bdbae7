/** How far weights run ahead: slots that VMEM has room for, and reads before the routing is known. */
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";

let qwen: Plan;
let grok: Plan;
let gptOss: Plan;

async function planOf(example: string): Promise<Plan> {
  const { plan } = await checkFile(`examples/${example}.moe.ts`);
  if (plan === undefined) throw new Error(`${example} is wrong`);
  return plan;
}

beforeAll(async () => {
  qwen = await planOf("qwen3-30b-a3b");
  grok = await planOf("grok-2");
  gptOss = await planOf("gpt-oss-120b-fp4");
});

function kernelOf(plan: Plan, device: string, tokens: number): KernelPlan {
  return lowerFor(plan, { device, tokens }, registries);
}

const streamOf = (kernel: KernelPlan, name: string) =>
  allOf(kernel).streams.find((stream) => stream.name === name)!;

describe("slots", () => {
  test("fill what rows leave of VMEM, and never take a pass for it", () => {
    for (const plan of [qwen, grok]) {
      for (const kernel of plan.kernels) {
        expect(kernel.vmem.used).toBeLessThanOrEqual(kernel.vmem.available);
      }
    }
    const slots = qwen.kernels.map(({ bucket, device, tiles }) => [bucket, device, tiles.slots]);
    expect(slots).toContainEqual(["decode", "v7x", 5]);
    expect(slots).toContainEqual(["prefill", "v7x", 2]);
  });

  test("take room from rows at hand beyond four times an expert's mean, and no more", () => {
    const { tiles, vmem } = gptOss.kernels.find(
      ({ bucket, device }) => bucket === "decode" && device === "v7x",
    )!;
    // 256 tokens, 4 of 128 experts each: 8 rows.
    expect(tiles).toMatchObject({ slots: 5, own: { row_block: 128 } });
    expect(vmem.used).toBeLessThanOrEqual(0.94 * vmem.available);
    for (const { tokens, passes, tiles: each } of gptOss.kernels) {
      const least = Math.min(tokens, (4 * tokens * 4) / 128 / passes);
      expect(each.own.row_block).toBeGreaterThanOrEqual(least);
    }
  });

  test("are as many as the spec says, where it says so", () => {
    const asked = qwen.kernels[0]!.tiles;
    const three = registries.schedules.gather!.lower({
      layer: qwen.layer,
      ep: 4,
      devices: ["v7x"],
      device: registries.devices.v7x!,
      tiles: { ...asked, slots: 3, early: 0 },
      tokens: 64,
    });
    expect(three.tiles).toMatchObject({ slots: 3, own: { early: 0 } });
  });
});

describe("weights at entry", () => {
  test("are those of experts that likely have rows: none for a few tokens", () => {
    const many = kernelOf(qwen, "v6e", 64);
    const few = kernelOf(qwen, "v6e", 8);
    const early = (kernel: KernelPlan) =>
      allOf(kernel).stages.find(({ name }) => name === "first_weights")?.early;
    expect(early(many)).toBeGreaterThan(0);
    expect(early(few)).toBe(0);
    // (1 - 8 / 128)^T is above a half up to T = 10.
    expect(many.tiles.own).toMatchObject({ early: early(many), early_tokens: 11 });
  });

  test("count what is read for nothing", () => {
    const kernel = kernelOf(qwen, "v6e", 64);
    const none = (1 - 8 / 128) ** 64;
    const { early = 0 } = kernel.tiles.own;
    const read = 32 * (1 - none) + early * none;
    expect(streamOf(kernel, "down_in").bytes).toBeCloseTo(read * 2048 * 768 * 2, -1);
    expect(kernel.traffic.activeExperts).toBeCloseTo(32 * (1 - none), 9);
  });
});
