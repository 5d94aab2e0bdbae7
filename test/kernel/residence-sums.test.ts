/** Sums of tokens in HBM beside their rows: what the plan says of them, and that a call makes its copies. */
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { allOf } from "../../src/plan/call.ts";
import type { KernelPlan, Plan } from "../../src/plan/plan.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import type { BucketSpec } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { movedOfPlanned } from "./moved.ts";
import { LAYER } from "./resident-layer.ts";

function planOf(layer: Partial<LayerSpec>, bucket: Partial<BucketSpec>): Plan {
  const all = { upTo: 8192, bt: 128, bf: 256, bd: 4096, rows: "hbm with sums", ...bucket } as const;
  const spec: MoeSpec = {
    name: "sums",
    layer: { ...LAYER, ...layer },
    mesh: { ep: 8, axes: ["expert"] },
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: { all } },
    emit: { reference: true },
  };
  const { plan, findings } = judge(spec, registries);
  if (plan === undefined) throw new Error(JSON.stringify(findings));
  return plan;
}

const only = ({ kernels: [kernel] }: Plan): KernelPlan => {
  if (kernel === undefined) throw new Error("no kernel");
  return kernel;
};

test("with sums in HBM as well a block's sums come and go with it, and VMEM has none of all tokens", async () => {
  const plan = planOf(
    { biases: true, wire: { dispatch: "int8" } },
    { bt: 32, bf: 128, bd: 2048, passTokens: 512 },
  );
  const { tiles, passes } = only(plan);
  expect([passes, tiles.streamed]).toEqual([2, true]);
  const { buffers, streams, stages } = allOf(only(plan));
  const of = (name: string) => {
    const { space, shape } = buffers.find((buffer) => buffer.name === name) ?? {};
    return [space, shape];
  };
  // Of two passes, 4096 tokens and sixteen rows that no token owns, 32 sublanes each and one between them.
  expect(of("token_sums")).toEqual(["HBM", [2, (4096 + 16) * 33, 128]]);
  expect(of("staged_sums")).toEqual(["VMEM", [64 * 33, 128]]);
  expect(of("arrived_sums")[0]).toBe("HBM");
  // Of sixteen groups of rows, as a block has more.
  expect([(tiles.own.row_block ?? 0) > 256, tiles.own.sum_slots]).toEqual([true, 16]);
  expect(of("block_sums")).toEqual(["VMEM", [256 * 32, 128]]);
  const names = stages.map(({ name }) => name);
  const places = ["operand", "bring_sums", "gather", "merge", "bring_lists", "activation"];
  places.push("await_sums", "combine", "keep_sums");
  places.push("more_sums", "last_sums");
  const found = places.map((name) => names.indexOf(name));
  expect(found).toEqual([...found].sort((a, b) => a - b));
  const [come, go] = ["sums_in", "sums_back"].map((name) => streams.find((s) => s.name === name));
  expect([come?.bytes, go?.copies]).toEqual([4096 * 32 * 512, 4096]);
  const files = await emitPackage(plan);
  expect(files.get("sums/experts.py")).toContain("s.all_tokens + (lane & (ROW_GROUP - 1))");
  // When the last block's sums have had time to leave: its own come then, and after them the next one's rows.
  expect(stages.filter(({ amid }) => amid).map(({ name }) => name)).toEqual(places.slice(1, 5));
  expect(files.get("sums/experts.py")).toContain("(hidden_tile == hidden_tiles // 2))(bring)");
});

test("sums of 8 bits leave in a quarter of their room: quantised a chunk at a time", async () => {
  const plan = planOf({ wire: { combine: "int8" } }, {});
  const { buffers, streams, stages } = allOf(only(plan));
  const of = (name: string) => streams.find((stream) => stream.name === name);
  // Nine sublanes a token, of seven other devices' tokens.
  expect(of("parts_packed")?.bytes).toBe(7 * 1024 * 9 * 512);
  expect(of("sums_out")?.bytes).toBe(7 * 1024 * 9 * 512);
  // Of 64 tokens.
  expect(buffers.find(({ name }) => name === "staged_parts")?.shape).toEqual([64 * 9, 128]);
  const reduce = stages.find(({ name }) => name === "reduce_scatter");
  expect(reduce?.writes).toContain("packed_sums");
  const files = await emitPackage(plan);
  expect(files.get("sums/transport.py")).toContain("quantize_sums(r, group * count, count)");
  expect(files.get("sums/partial_sums.py")).toContain("stride=SUM_PITCH");
  // Parts of 4 or 12 tokens begin at no multiple of 8 sublanes there, and nobody is told that they do.
  const transport = files.get("sums/transport.py");
  for (const tokens of ["s.part_tokens", "s.part_chunk"]) {
    expect(transport).toMatch(
      new RegExp(`multiple_of\\(\\w+, math\\.gcd\\(${tokens}, SUBLANES\\)\\)`),
    );
  }
});

test("shared experts add to sums in HBM by blocks of neighbouring tokens", async () => {
  const plan = planOf({ sharedExperts: { count: 1, intermediate: 1024 } }, {});
  const { buffers, streams, stages } = allOf(only(plan));
  const of = (name: string) => streams.find((stream) => stream.name === name);
  const held = buffers.find(({ name }) => name === "block_sums");
  expect(held?.shape).toEqual([(only(plan).tiles.own.row_block ?? 0) * 33, 128]);
  // Of every token, sixteen a copy, with what lies between them, there and back.
  expect([of("shared_sums_in")?.bytes, of("shared_sums_back")?.copies]).toEqual([
    8192 * 33 * 512,
    8192 / 16,
  ]);
  const names = stages.map(({ name }) => name);
  const places = ["zero_sums", "bring_shared_sums", "shared_combine", "bring_sums"];
  const found = places.map((name) => names.indexOf(name));
  expect(found).toEqual([...found].sort((a, b) => a - b));
  const files = await emitPackage(plan);
  expect(files.get("sums/shared_experts.py")).toContain("r.block_sums[row, :] + result");
});

test("a call with sums in HBM makes every copy of the plan", () => {
  const plan = planOf({}, {});
  const moved = movedOfPlanned(plan, only(plan));
  const names = [
    "sums_in",
    "sums_back",
    "entries_in",
    "lists_in",
    "zeros_out",
    "own_sums_in",
    "part_sums_in",
    "parts_in",
  ];
  for (const name of [...names, "part_sums_back", "parts_packed", "gate_up_in", "down_in"]) {
    expect(moved.get(name), name).toBeCloseTo(1, 2);
  }
});
