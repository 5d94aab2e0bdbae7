/**
 * What rows that go where they are needed take and refuse, how many those are, and that a kernel is right
 * however unevenly they do. By default one format on simulated devices; `npm run test:long`: all.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import type { MoeInput } from "../../src/index.ts";
import { moe } from "../../src/index.ts";
import { sizesOf } from "../../src/kernel/passes/sizes.ts";
import { shareOf } from "../../src/kernel/routing/share.ts";
import { allOf } from "../../src/plan/call.ts";
import type { Stream } from "../../src/plan/plan.ts";
import { sendAll } from "../../src/predict/plan/sends.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import { groupsOf } from "../../src/schedule/runs/expected.ts";
import { RUN_ROWS } from "../../src/spec/schedule.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { deviceOf } from "../../src/target/device/registry.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { spec } from "./runs-spec.ts";
import { layer, swigluoai } from "./small-layer.ts";

const messages = (more: object, tile: object = {}): readonly string[] =>
  judge(moe(spec(more, 4, tile)), registries).findings.map(({ message }) => message);
/** One body and one row tile in all buckets: what the same bits in any batch take. */
const oneBody = { bt: 64, btc: [64] };

test("shared experts are refused where a token's result must be the same on any device", () => {
  const sharedExperts = { count: 1, intermediate: 512 };
  const said = messages({ deterministic: true, sharedExperts }, oneBody).join();
  expect(said).toContain(
    "runs keeps 512 of the shared experts' 512 columns on a device, not 1 of 4 parts",
  );
  expect(messages({ deterministic: true }, oneBody)).toEqual([]);
});

test("what a bucket may name of gather's alone is refused, not lowered", () => {
  const { schedule, ...others } = moe(spec({}));
  const tiles = { ...schedule.tiles, small: { ...schedule.tiles.small, routes: "own" } };
  const refused = judge({ ...others, schedule: { ...schedule, tiles } } as MoeSpec, registries);
  expect(refused.plan).toBeUndefined();
  expect(new Set(refused.findings.map(({ path }) => path.join(".")))).toEqual(
    new Set(["schedule.tiles.small.routes"]),
  );
});

test("each device's sums are rounded alone, and go straight, where the same bits are asked for", () => {
  const { plan } = judge(moe(spec({ deterministic: true }, 4, oneBody)), registries);
  const [kernel] = plan?.kernels ?? [];
  if (kernel === undefined) expect.unreachable("no plan");
  expect(kernel.tiles.own.chip_devices).toBeUndefined();
  expect(allOf(kernel).streams.map(({ name }) => name)).not.toContain("rows_handed");
});

test("rows that are quantised on their way out are not refused", () => {
  expect(messages({ wire: { dispatch: "int8" } })).toEqual([]);
});

test("every device has the shared experts whole, and takes its own tokens through them", () => {
  const sharedExperts = { count: 1, intermediate: 512 };
  const { plan } = judge(moe(spec({ sharedExperts })), registries);
  const [kernel] = plan?.kernels ?? [];
  if (plan === undefined || kernel === undefined) expect.unreachable("no plan");
  expect(scheduleOf("runs").sharedColumns(plan.layer, 4)).toBe(512);
  const read = allOf(kernel).streams.filter(({ name }) => name.startsWith("shared_"));
  expect(read.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(3 * 1024 * 512 * 2);
  const rows = allOf(kernel).stages.filter(({ name }) => name.startsWith("shared_feed_forward"));
  const each = 2 * 3 * 1024 * 512;
  expect(rows.reduce((sum, { flops }) => sum + flops, 0)).toBe(each * (kernel.tokens / 4));
});

describe("expected rows", () => {
  const made = { ...layer, activation: { kind: "silu" } } as never;

  test("a token has an expert on a device unless all its choices are elsewhere", () => {
    // 16 experts on 4 devices: four different ones of the 12 elsewhere, of all fours.
    expect(shareOf(made, 4)).toBeCloseTo(1 - (12 * 11 * 10 * 9) / (16 * 15 * 14 * 13), 12);
    expect(shareOf(made, 1)).toBe(1);
    // Five experts elsewhere, six choices: one is here.
    expect(shareOf({ ...layer, experts: 10, topK: 6 } as never, 2)).toBe(1);
  });

  test("fewer devices have one where a token chooses within groups of neighbours", () => {
    const routing = { ...layer.routing, groups: { count: 4, kept: 2, score: "max" } };
    const grouped = { ...layer, routing } as never;
    // A device has one group of four, which is kept in half of all cases; then four of eight are chosen.
    const met = 1 - (4 * 3 * 2 * 1) / (8 * 7 * 6 * 5);
    expect(shareOf(grouped, 4)).toBeCloseTo(met / 2, 12);
    // Half a group.
    expect(shareOf(grouped, 8)).toBeCloseTo((1 - (6 * 5 * 4 * 3) / (8 * 7 * 6 * 5)) / 2, 12);
    // Two groups: one of them is kept in four of six cases, both in one.
    expect(shareOf(grouped, 2)).toBeCloseTo((4 * met + 1) / 6, 12);
    expect(shareOf(grouped, 1)).toBe(1);
  });

  test("come in whole groups: between their number and one group more", () => {
    for (const tokens of [4, 64, 1024, 32_768]) {
      const sizes = sizesOf(made, tokens, 4, 8192, {});
      const rows = (tokens / 4) * shareOf(made, 4);
      const groups = groupsOf({ layer: made, ep: 4, sizes }, 8);
      expect(groups).toBeGreaterThanOrEqual(rows / 8);
      expect(groups).toBeLessThan(rows / 8 + 1);
    }
  });
});

describe("chips of two devices", () => {
  const kernelsOf = (ep: number, devices: MoeInput["devices"]) => {
    const { plan } = judge(moe(spec({}, ep, {}, devices)), registries);
    return plan?.kernels.filter(({ bucket }) => bucket === "large") ?? [];
  };
  const streamsOf = (ep: number, devices: MoeInput["devices"]) =>
    kernelsOf(ep, devices).map((kernel) => {
      const { streams } = allOf(kernel);
      const between = streams.filter(({ name }) => /^(rows|sums)_(out|handed)$/.test(name));
      return new Map(between.map((stream) => [stream.name, stream]));
    });
  /** Copies from device 0 to each, where there is one pass. */
  const copiesOf = (stream: Stream | undefined, ep: number): readonly number[] => {
    if (stream === undefined) return [];
    const sent = sendAll(stream, { device: deviceOf("v7x"), ep }, 1);
    const here = { device: 0, trip: () => 0 };
    return Array.from({ length: ep }, (_, to) => (sent.do === "send" ? sent.copies(here, to) : 0));
  };

  test("a package has them where one kind of device has", () => {
    const own = (ep: number, devices: MoeInput["devices"]) =>
      kernelsOf(ep, devices).map(({ tiles }) => tiles.own.chip_devices);
    expect(own(4, ["v6e", "v7x"])).toEqual([1, 2]);
    expect(own(4, ["v6e"])).toEqual([undefined]);
    // All on one chip.
    expect(own(2, ["v7x"])).toEqual([undefined]);
  });

  test("a row crosses to the device at its place on each other chip, and goes on from there", () => {
    const [streams] = streamsOf(8, ["v7x"]);
    const crossing = copiesOf(streams?.get("rows_out"), 8);
    const handed = copiesOf(streams?.get("rows_handed"), 8);
    expect(crossing.map((copies) => copies > 0)).toEqual([0, 0, 1, 0, 1, 0, 1, 0].map(Boolean));
    expect(handed.map((copies) => copies > 0)).toEqual([0, 1, 0, 0, 0, 0, 0, 0].map(Boolean));
    // More rows than one device needs, fewer than both.
    const [straight] = streamsOf(8, ["v6e"]);
    const one = copiesOf(straight?.get("rows_out"), 8)[2] ?? 0;
    expect(crossing[2]).toBeGreaterThan(one);
    expect(crossing[2]).toBeLessThan(2 * one);
    expect(handed[1]).toBeCloseTo(4 * one, 9);
  });

  test("each kind of device of a package awaits rows in stages that its plan has", async () => {
    const { plan } = judge(moe(spec({}, 4, {}, ["v6e", "v7x"])), registries);
    if (plan === undefined) expect.unreachable("no plan");
    const named = kernelsOf(4, ["v6e", "v7x"]).map((kernel) =>
      allOf(kernel).stages.flatMap(({ name }) => /^await_(chips|rows)$/.exec(name)?.[0] ?? []),
    );
    expect(named).toEqual([["await_rows"], ["await_chips", "await_rows"]]);
    // Bundles count for the innermost scope: alone on a chip there is none in that of `await_rows`.
    const transport = (await emitPackage(plan)).get("runs_only/transport.py") ?? "";
    const [, body = ""] = transport.split("def await_rows(");
    expect(body.indexOf("return\n")).toBeGreaterThan(body.indexOf("await_chips(r, s, me)"));
    expect(body.indexOf("return\n")).toBeLessThan(body.indexOf("named_scope"));
  });
});

const blocks = { kind: "sub_channel", block: 32 } as const;
const FORMATS: Readonly<Record<string, readonly [more: object, tile?: object]>> = {
  bfloat16: [{}],
  "bfloat16 in weight tiles": [{}, { bf: 256, bd: 512 }],
  "float4, biased, side by side": [
    {
      weights: "side_by_side",
      biases: true,
      activation: swigluoai,
      quantization: { weights: "float4_e2m1fn", granularity: blocks, scales: "bfloat16" },
    },
  ],
  "float8 in blocks": [
    {
      quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
    },
  ],
  "int8 rows": [
    {
      quantization: {
        weights: "int8",
        granularity: "per_channel",
        scales: "float32",
        activations: "int8",
      },
    },
  ],
  "int8 rows between devices alone": [{ wire: { dispatch: "int8" } }],
  "int8 sums": [{ wire: { combine: "int8" } }],
  "int8 rows and sums": [{ wire: { dispatch: "int8", combine: "int8" } }],
  "the same bits in any batch": [{ deterministic: true }, oneBody],
  "identity experts": [{ identityExperts: 5 }],
  float32: [{ dtype: "float32" }],
  "separate, biased": [{ weights: "separate", biases: true, activation: swigluoai }],
  "rows of 12 sublanes, experts' rows weighed": [{ hidden: 3072, scoreOn: "input" }, { bd: 3072 }],
  "given routing": [{ routing: { where: "given" }, activation: "gelu" }],
  "no gate, groups, correction bias": [
    {
      weights: "up",
      activation: "relu2",
      routing: {
        ...layer.routing,
        scoring: "sigmoid",
        correctionBias: true,
        groups: { count: 4, kept: 2, score: "sum_of_top_2" },
      },
    },
  ],
};

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-runs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const names = Object.keys(FORMATS).slice(0, long ? undefined : 1);
  const devices = long ? [1, 2, 4, 8] : [4];
  // By chips of two devices; and straight to each device.
  const kinds = long ? (["v7x", "v6e"] as const) : (["v7x"] as const);
  // Of few devices eight are chosen nearly everywhere.
  const copies = (long ? RUN_ROWS : [4]).map((runRows) => ({ runRows }));
  const all = names.flatMap((name) =>
    devices.flatMap((ep) =>
      kinds.flatMap((kind) => copies.map((copy) => [name, ep, kind, copy] as const)),
    ),
  );
  test.each(all)("%s, ep %i, %s, %j: right under any skew", async (name, ep, kind, copy) => {
    const file = join(folder, "runs.moe.ts");
    const [more = {}, tile = {}] = FORMATS[name] ?? [];
    const written = JSON.stringify(spec(more, ep, { ...tile, ...copy }, [kind]));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    // All rows go to one device, or none to some; several passes, the last not full.
    const cases = ["--case", "hot-device,empty-experts,odd,ids"];
    const ran = await moegen(["validate", file, ...cases, "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });
});
