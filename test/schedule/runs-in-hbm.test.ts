/**
 * Rows and sums in HBM that go where they are needed: what is taken of it, what goes between devices, and that a
 * kernel is right however unevenly rows do. By default one format on simulated devices; `npm run test:long`: all.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { moe } from "../../src/index.ts";
import { allOf } from "../../src/plan/call.ts";
import type { Stream } from "../../src/plan/plan.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { spec } from "./runs-spec.ts";

test("of residences in HBM those with their sums are taken, others refused with the nearest", () => {
  const held = (rows: string) => judge(moe(spec({}, 4, { rows })), registries);
  expect(held("hbm with sums").findings).toEqual([]);
  for (const rows of ["hbm", "two passes"]) {
    const { findings } = held(rows);
    expect(findings.map(({ code }) => code)).toEqual(["MOE144", "MOE144"]);
    expect(findings[0]?.message).toBe(`rows = "${rows}" with the schedule runs`);
    expect(findings[0]?.nearest).toEqual(["hbm with sums", "vmem"]);
  }
});

describe("rows and sums in HBM", () => {
  /** The large bucket's kernel. */
  const kernelOf = (more: object, ep: number, device: "v6e" | "v7x" = "v7x") => {
    const made = moe(spec(more, ep, { rows: "hbm with sums" }, [device]));
    const { plan } = judge(made, registries);
    return plan?.kernels.find(({ bucket }) => bucket === "large") ?? expect.unreachable("no plan");
  };

  test("go to each device that needs them, on chips of two as well", () => {
    for (const device of ["v6e", "v7x"] as const) {
      const kernel = kernelOf({}, 8, device);
      expect(kernel.tiles.byNeed).toBe("devices");
      expect(kernel.tiles.own.chip_devices).toBeUndefined();
      const { streams } = allOf(kernel);
      const out = streams.filter(({ remote }) => remote).map(({ name }) => name);
      expect(out.sort()).toEqual(["routes_out", "rows_out", "sums_out"]);
    }
  });

  test("are awaited by the block, and return by the block", () => {
    const { stages, streams } = allOf(kernelOf({}, 8));
    const ways = stages.flatMap(({ name, sources }) => (sources ? [[name, sources]] : []));
    expect(ways).toEqual([
      ["return_sums", "returned"],
      ["await_rows", "awaited"],
      ["last_returns", "returned"],
    ]);
    // Of all other devices once a pass.
    for (const way of ["awaited", "returned"]) {
      const trips = stages.flatMap((stage) => (stage.sources === way ? [stage.trips] : []));
      expect(trips.reduce((sum, each) => sum + each, 0)).toBeCloseTo(7);
    }
    const packed = streams.find(({ name }) => name === "packed_back");
    expect(packed?.bytes).toBe(streams.find(({ name }) => name === "sums_out")?.bytes);
  });

  test("come to several blocks of an expert, so that links have products beside them", () => {
    const few = { experts: 8, topK: 2, hidden: 8192, intermediate: 16_384 };
    const auto = { kind: "auto" } as const;
    const tile = { bt: auto, bf: auto, bd: auto, rows: "hbm with sums" } as const;
    const made = moe({
      ...spec(few, 8),
      schedule: { kind: "runs", tiles: { large: { upTo: 8192, ...tile } } },
    });
    const { plan } = judge(made, registries);
    // An expert has 2,048 rows.
    const { bf, own } = plan?.kernels[0]?.tiles ?? expect.unreachable("no plan");
    const { row_block: block = 0 } = own;
    expect(bf).toBe(512);
    expect(block).toBeGreaterThan(0);
    expect(block).toBeLessThan(512);
  });

  test("are of up to 16,383 tokens in a pass", () => {
    const made = moe(spec({}, 8, { rows: "hbm with sums" }));
    const { large } = made.schedule.tiles;
    const wide = {
      ...made,
      schedule: { ...made.schedule, tiles: { large: { ...large, upTo: 8192 } } },
    };
    const { plan } = judge(wide as typeof made, registries);
    expect(plan?.kernels[0]).toMatchObject({ passes: 1, tiles: { own: { pass_tokens: 1024 } } });
  });

  test("come back in whole chunks, and are brought row by row", () => {
    const { streams } = allOf(kernelOf({}, 8));
    const of = (name: string): Stream =>
      streams.find((stream) => stream.name === name) ?? expect.unreachable(name);
    const rows = of("rows_out").copies;
    expect(of("returned_in").copies).toBe(rows);
    expect(of("sums_out").bytes).toBeGreaterThanOrEqual(of("returned_in").bytes);
  });

  test("are cleared of own tokens and of rows that come, not of all devices' tokens", () => {
    const made = moe(spec({ topK: 1 }, 8, { rows: "hbm with sums" }));
    const { large } = made.schedule.tiles;
    const tiles = { large: { ...large, upTo: 8192 } };
    const { plan } = judge(
      { ...made, schedule: { ...made.schedule, tiles } } as typeof made,
      registries,
    );
    const { streams } = allOf(plan?.kernels[0] ?? expect.unreachable("no plan"));
    const zeros = streams.find(({ name }) => name === "zeros_out");
    // Nine sublanes a token: its own 1,024, and of other devices an eighth, in whole chunks.
    const tokens = (zeros?.bytes ?? 0) / (9 * 512);
    expect(tokens).toBeGreaterThan(2 * 1024 - 128);
    expect(tokens).toBeLessThan(4 * 1024);
  });
});

/** In HBM: more than one format each way, packed rows that fill no tile among them. */
const HELD: Readonly<Record<string, readonly [more: object, tile?: object]>> = {
  "rows of 12 sublanes, shared experts": [
    { hidden: 3072, sharedExperts: { count: 1, intermediate: 512 } },
    { bf: 256, bd: 3072 },
  ],
  "float8 in blocks": [
    {
      quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
    },
  ],
  "int8 rows between devices": [{ wire: { dispatch: "int8" } }],
  float32: [{ dtype: "float32" }, { bf: 256 }],
};

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-runs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const devices = long ? [1, 2, 4, 8] : [4];
  const held = Object.entries(HELD).slice(0, long ? undefined : 1);
  const inHbm = held.flatMap(([name, [more, tile]]) =>
    devices.map((ep) => [name, ep, more, { ...tile, rows: "hbm with sums" }] as const),
  );
  test.each(inHbm)("in HBM: %s, ep %i: right under any skew", async (_, ep, more, tile) => {
    const file = join(folder, "held.moe.ts");
    const written = JSON.stringify(spec(more, ep, tile, ["v6e"]));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const ran = await moegen(["validate", file, "--case", "hot-device,odd", "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });
});
