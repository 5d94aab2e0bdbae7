/** Lists of routed entries in HBM: how large a pass may be, and what SMEM has of it. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { allOf } from "../../src/plan/call.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { LAYER } from "./resident-layer.ts";

const KIB = 1024;

/** Qwen3-30B's sizes, on devices that have so many token rows in a pass. */
function judged(ep: number, upTo: number, passTokens: number) {
  const all = { upTo, bt: 128, bf: 768, bd: 2048, rows: "hbm with sums", passTokens } as const;
  const spec: MoeSpec = {
    name: "lists",
    layer: { ...LAYER, experts: 128, topK: 8, hidden: 2048, intermediate: 768 },
    mesh: { ep, axes: ["expert"] },
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: { all } },
    emit: { reference: true },
  };
  return judge(spec, registries);
}

const sizes = [1, 4, 8, 32].flatMap((ep) => [8192, 16_384, 32_768].map((t) => [ep, t] as const));

test.each(sizes)(
  "ep %i, T = %i: one pass, whose lists SMEM has a bounded part of",
  (ep, tokens) => {
    const { plan, findings } = judged(ep, tokens, tokens / ep);
    expect(findings).toEqual([]);
    const kernel = plan?.kernels[0];
    expect(kernel?.passes).toBe(1);
    expect(kernel?.smem.used).toBeLessThan(640 * KIB);
    const { buffers } = kernel === undefined ? { buffers: [] } : allOf(kernel);
    const words = (name: string): number =>
      (buffers.find((buffer) => buffer.name === name)?.shape ?? []).reduce((all, n) => all * n, 1);
    // A list, whatever T is: 2,048 tokens of 8 entries and their weights, and first entries.
    expect(words("own_entries")).toBeLessThanOrEqual(2 * 2048 * 8 + 256);
    // What a block has of lists is joined in VMEM; SMEM has its list and those of the two after.
    const space = (name: string) => buffers.find((buffer) => buffer.name === name)?.space;
    expect([space("list_chunks"), space("merged_entries")]).toEqual(["VMEM", "VMEM"]);
    const block = Math.ceil((kernel?.tiles.own.row_block ?? 0) / 128) * 128;
    expect(words("expert_entries")).toBe(3 * block);
    // A chunk goes into the one of its first entry and the one after.
    expect(words("merged_entries")).toBeGreaterThanOrEqual(2 * (block + 128));
    // Of 128 / ep experts, each with its weights once.
    const { streams } = kernel === undefined ? { streams: [] } : allOf(kernel);
    const read = streams.find(({ name }) => name === "down_in")?.bytes ?? 0;
    expect(read / (2048 * 768 * 2)).toBeCloseTo(128 / ep, 3);
    // Every list has its own: no entry is left out.
    expect(words("routes")).toBeGreaterThanOrEqual(2 * tokens * 8);
  },
);

test("a pass has no more than 32,768 tokens of all devices", () => {
  const { findings } = judged(8, 65_536, 8192);
  expect(findings).toMatchObject([{ code: "MOE145", nearest: [3968, 4096] }]);
});
