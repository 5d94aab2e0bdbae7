/** Trips of a stage's loop, as the predictor counts them, are those that the source's loop has at a known routing. */
import { beforeAll, describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import { layerOf } from "../../src/predict/contender.ts";
import { kernelSteps } from "../../src/predict/plan/kernel.ts";
import { predict } from "../../src/predict/predict.ts";
import { deviceOf } from "../../src/target/device/registry.ts";

const EXAMPLE = "examples/deepseek-v3-fp8.moe.ts";
let plan: Plan;
let source: string;

beforeAll(async () => {
  const checked = await checkFile(EXAMPLE);
  if (checked.plan === undefined) throw new Error("the example is wrong");
  plan = checked.plan;
  source = [...(await emitPackage(plan)).values()].join("\n");
});

/** Rows of one trip of the loop that a function of the package has over its `count` rows. */
function groupOf(name: string): number {
  const [, body = ""] = source.split(`def ${name}(`);
  const [, group] = /@pl\.loop\(0, pl\.cdiv\(count, (\w+)\)\)/.exec(body) ?? [];
  const [, value] = new RegExp(`^${group} = (\\d+)`, "m").exec(source) ?? [];
  return Number(value ?? group);
}

/** Trips in one call on each device, all having as many rows: what a cycle in the loop's body adds. */
function counted(kernel: KernelPlan, stage: string, part: string): number {
  const device = deviceOf(kernel.device);
  const request = {
    ...{ device, ep: plan.mesh.ep, tokens: kernel.tokens, layer: layerOf(plan), tiles: {} },
    skew: { kind: "balanced" },
  } as const;
  const stepsOf = registries.schedules[plan.schedule]?.steps ?? kernelSteps;
  const cycles = (body: number): number => {
    const loops = [{ scope: stage, depth: 1, bundles: body, own: body, loops: [] }];
    const bundles = { total: body, tracing: 0, scopes: { [stage]: body }, loops };
    const { work } = predict(request, (job) => stepsOf(kernel, bundles, job));
    return (work.find(({ name }) => name === part)?.seconds ?? 0) * device.clock;
  };
  return Math.round(cycles(1) - cycles(0));
}

describe.each([64, 2048])("DeepSeek-V3, T = %i", (tokens) => {
  const lowered = () => lowerFor(plan, { device: "v7x", tokens }, registries);

  test("activation goes over groups of a block's rows, once for each tile of F", () => {
    const kernel = lowered();
    const { layer, mesh } = plan;
    const block = Number(kernel.tiles.own.row_block);
    let groups = 0;
    for (
      let rest = (tokens * layer.topK) / layer.experts / kernel.passes;
      rest > 0;
      rest -= block
    ) {
      groups += Math.ceil(Math.min(rest, block) / groupOf("activation"));
    }
    const experts = (layer.experts / mesh.ep) * kernel.passes;
    const trips = experts * groups * (layer.intermediate / kernel.tiles.bf);
    expect(counted(kernel, "activation", "feed-forward")).toBe(trips);
  });

  test.each([
    ["shared_activation", "_shared_activation", true],
    ["shared_combine", "_add_shared", false],
  ] as const)("%s goes over groups of all tokens of its columns", (stage, name, tiled) => {
    const kernel = lowered();
    const { tiles, passes } = kernel;
    const [, columns] = /SHARED_COLUMNS = (\d+)/.exec(source) ?? [];
    const [, blocks] = /SHARED_BLOCKS = (\d+)/.exec(source) ?? [];
    const rows = Number(blocks) * Number(tiles.own.pass_tokens);
    let groups = 0;
    for (let rest = rows; rest > 0; rest -= Number(tiles.own.row_block)) {
      groups += Math.ceil(Math.min(rest, Number(tiles.own.row_block)) / groupOf(name));
    }
    const times = tiled ? Number(columns) / Number(tiles.own.shared_tile) : 1;
    expect(counted(kernel, stage, "shared experts")).toBe(passes * groups * times);
  });
});
