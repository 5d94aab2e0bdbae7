/**
 * Examples through the real TPU compiler: what the plan says of them must be so. One model for all its
 * device kinds at prefill, which has all bodies, and for v6e's decode; of the others the last kind at
 * decode, and none whose parts others have (`LONG`). `npm run test:long` compiles every example for
 * both, two more for all their kinds; `npm run bench:aot` all of all.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { allOf } from "../../src/plan/call.ts";
import type { Plan } from "../../src/plan/plan.ts";
import {
  type Compiled,
  compileExample,
  DECODE,
  examples,
  kernelOf,
  PREFILL,
  planOf,
  rowWorkOf,
  type Target,
  vmemOf,
} from "../bench/measure.mjs";
import peers from "../bench/peers.json" with { type: "json" };
import { feedForward } from "../bench/row-work.mjs";
import { reachedBy } from "../emit/parts.ts";
import { long } from "../long.ts";

const { v6e: goals } = peers.goals;
/** Share that the compiler's VMEM may differ from the plan's. */
const VMEM_ERROR = 0.05;
/** One of each kind of kernel: whole experts, weight tiles, and a shared expert. */
const ON_EVERY_DEVICE = ["qwen3-30b-a3b", ...(long ? ["grok-2", "ling-mini-2.0"] : [])];
/** By default not compiled: the others have all parts of their kernels but `ONLY_LONG`. */
const LONG: readonly string[] = [
  ...["deepseek-v3", "gpt-oss-120b", "grok-2", "ling-flash-2.0", "ling-mini-2.0"],
  ...["qwen3-235b-a22b-ep16", "qwen3-235b-a22b-ep8", "qwen3-235b-a22b-fp8", "qwen3-30b-a3b-fp8"],
  ...["qwen3-30b-a3b-auto", "qwen3-30b-a3b-ep1"],
  ...["deepseek-v4-flash", "gemma-4-26b-a4b", "glm-5-fp8", "kimi-k2.5", "llama-4-scout"],
  ...["longcat-flash", "mimo-v2-flash", "mixtral-8x7b-runs", "nemotron-3-nano"],
  ...["grok-2-fp8", "minimax-m2.5", "mixtral-8x7b", "qwen3-next-80b-a3b"],
];
/** DeepSeek-V3's and GPT-OSS's in bfloat16; Grok's, MiniMax's, Mixtral's, DeepSeek-V4's, Kimi-K2.5's, Llama-4's, LongCat's, Nemotron-3's; of own routes. */
const ONLY_LONG: readonly string[] = [
  "kernel/activation/clamped_swiglu",
  "kernel/activation/gelu",
  "kernel/activation/relu2",
  "kernel/api/arrays/gate_up_bias_side_by_side",
  "kernel/api/pad_hidden/whole",
  "kernel/experts/streamed/begin/after_tiles",
  "kernel/feed_forward/gate_up/wide_sums",
  "kernel/feed_forward/products/up",
  "kernel/feed_forward/projections/wide",
  "kernel/feed_forward/scaled_dot/exponents_along_contraction",
  "kernel/feed_forward/scaled_dot/products",
  "kernel/feed_forward/scaled_dot/weights",
  "kernel/passes/combine/unweighed_plain",
  "kernel/passes/identity_rows/pairs",
  "kernel/passes/routes/list_own/in_smem",
  "kernel/passes/routes_sent",
  "kernel/passes/start_logits/own",
  "kernel/passes/sum_places/by_token",
  "kernel/passes/valid_tokens/plain",
  "kernel/passes/weigh_rows",
  "kernel/passes/zero_sums/identity",
  "kernel/routing/identity_weight/logits",
  "kernel/routing/scores/sqrt_softplus",
  "kernel/routing/sqrt_softplus",
  "kernel/rows/scaled_rows",
  "kernel/shared_experts/columns/own",
  "kernel/shared_experts/columns/own_tile",
  "kernel/shared_experts/columns/tile_scaled",
  "kernel/shared_experts/shared_dot/by_rows",
  "kernel/shared_experts/weight_copies/own",
  "kernel/shared_experts/weights/down_scales/apart",
  "kernel/shared_experts/weights/gate_up_scales/apart",
  "kernel/weights/gate_up_copies/separate",
  "kernel/weights/gate_up_copies/side_by_side",
  "kernel/weights/gate_up_copies/side_by_side_by_rows",
  "kernel/weights/scale_block/words_along_contraction",
];
/**
 * Bundles a routed row outside the multiplies, all of every stage counted. 23.7 before sums were
 * added on their way through other devices, 24.3 since: they are unpacked and added as they come.
 */
const ROW_WORK = 24.5;

/** Most bundles of decode, all row bodies of it, on the kinds that it is held to. */
const PROGRAM = 12_000;
const HELD = ["v6e", "v7x"];

function devicesOf({ kernels }: Plan, example: string): readonly string[] {
  const kinds = [...new Set(kernels.map(({ device }) => device))];
  return ON_EVERY_DEVICE.includes(example) ? kinds : kinds.slice(-1);
}

/** What is compiled: prefill for each kind of what has them all, decode for v6e or the last one; or more. */
function wantedOf(plan: Plan, example: string): readonly { device: string; tokens: number }[] {
  const kinds = devicesOf(plan, example);
  const all = ON_EVERY_DEVICE.includes(example);
  const held = HELD.filter((kind) => plan.kernels.some(({ device }) => device === kind));
  const decode = long
    ? [...new Set([...kinds, ...held])]
    : kinds.filter((kind) => !all || kind === "v6e");
  return [
    ...(long || all ? kinds : []).map((device) => ({ device, tokens: PREFILL })),
    ...decode.map((device) => ({ device, tokens: DECODE })),
  ];
}

async function compileAll(example: string): Promise<Compiled> {
  const plan = await planOf(example);
  const wanted = wantedOf(plan, example);
  const targets: Target[] = [];
  for (const tokens of new Set(wanted.map((one) => one.tokens))) {
    const devices = wanted.filter((one) => one.tokens === tokens).map(({ device }) => device);
    const made = await compileExample(example, { devices, tokens: [tokens], workers: 1 });
    targets.push(...made.targets);
  }
  return { plan, targets };
}

const names = (target: Target): string => `${target.device} T ${target.tokens}`;

const compiledHere = examples().filter((example) => long || !LONG.includes(example));

test("every part of an example's kernel is compiled", async () => {
  const parts = async (example: string) => reachedBy([await planOf(example)]);
  const all = await Promise.all(
    examples().map(async (name) => ({ name, parts: [...(await parts(name))] })),
  );
  const compiled = all
    .filter(({ name }) => compiledHere.includes(name))
    .flatMap((one) => one.parts);
  const left = all
    .flatMap((one) => one.parts)
    .filter((part) => part.startsWith("kernel/") && !compiled.includes(part));
  expect([...new Set(left)].sort()).toEqual(long ? [] : ONLY_LONG);
});

// One worker after the other: the compiler takes a core and some GiB.
describe.sequential.each(compiledHere)("%s", (example) => {
  let compiled: Compiled;
  const found = (device: string, tokens: number): Target => {
    const target = compiled.targets.find((one) => one.device === device && one.tokens === tokens);
    if (target === undefined) throw new Error(`${device} was not compiled for T = ${tokens}`);
    return target;
  };

  beforeAll(async () => {
    compiled = await compileAll(example);
  });

  test("compiles", () => {
    expect(compiled.targets.map(names)).toEqual(
      wantedOf(compiled.plan, example).map(({ device, tokens }) => `${device} T ${tokens}`),
    );
    const failures = compiled.targets.filter(({ fits }) => !fits);
    expect(failures.map((target) => `${names(target)}: ${target.failure?.message}`)).toEqual([]);
  });

  test("has a scope for every stage of the plan, and no other", async () => {
    for (const target of compiled.targets) {
      const { stages } = allOf(await kernelOf(compiled.plan, target));
      const scopes = Object.keys(target.bundles?.scopes ?? {}).flatMap((path) => path.split("/"));
      const seen = new Set(scopes.filter((scope) => scope !== ""));
      expect([...seen].sort(), names(target)).toEqual(stages.map(({ name }) => name).sort());
    }
  });

  test("uses the VMEM that the plan says", () => {
    const wrong = compiled.targets
      .map((target) => ({ target: names(target), ...vmemOf(target) }))
      .filter(({ planned, used }) => Math.abs(used / planned - 1) > VMEM_ERROR);
    expect(wrong).toEqual([]);
  });

  test("decode has no more bundles than it may", () => {
    const sizes = compiled.targets
      .filter(({ device, tokens }) => tokens === DECODE && HELD.includes(device))
      .map((target) => ({ target: names(target), bundles: target.bundles?.total ?? 0 }));
    if (long || example === "qwen3-30b-a3b") expect(sizes).not.toEqual([]);
    expect(sizes.filter(({ bundles }) => bundles > PROGRAM)).toEqual([]);
  });

  test.runIf(example === "qwen3-30b-a3b")("keeps to the bundles that v6e allows", async () => {
    for (const tokens of [DECODE, PREFILL]) {
      const { bundles } = found("v6e", tokens);
      expect(bundles?.total).toBeLessThanOrEqual(goals.program);
      const bodies = feedForward(bundles?.scopes ?? {});
      for (const [rows, most] of Object.entries(goals.feedForward)) {
        // The decode bucket has no body for 128 rows.
        if (Number(rows) > tokens) continue;
        expect(bodies, `T ${tokens}`).toHaveProperty(rows);
        expect(bodies[Number(rows)], `${rows} rows, T ${tokens}`).toBeLessThanOrEqual(most);
      }
    }
    const work = await rowWorkOf(compiled.plan, found("v6e", PREFILL));
    expect(work.all, JSON.stringify(work.stages)).toBeLessThanOrEqual(ROW_WORK);
  });
});
