/** `bench:predict` for real: on its own records, and on files that it cannot know. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { bench } from "../../src/predict/truth/bench.ts";
import { deviceOf, readRecord, skewOf, type TruthRecord } from "../../src/predict/truth/record.ts";
import { spreadOf } from "../../src/predict/uncertainty.ts";
import { devices } from "../../src/target/device/registry.ts";
import { root } from "../cli/moegen.ts";

const truth = join(root, "test", "bench", "predict", "measurements.jsonl");
const records = readFileSync(truth, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as TruthRecord);

const good: TruthRecord = {
  set: "X:test",
  kernel: "sgl_fused_moe_v1",
  device: "TPU v7x",
  ...{ E: 64, k: 8, D: 2048, F: 1024, ep: 8, tokens: 64, w_dtype: "bfloat16" },
  routing: "balanced",
  us: 100,
  what: "kernel latency",
};

describe("records", () => {
  test("say why they are skipped", () => {
    const why = (change: Record<string, unknown>): string => {
      const read = readRecord({ ...good, ...change });
      return read.ok ? "" : read.why;
    };
    expect(why({})).toBe("");
    expect(why({ us: null })).toBe("not a time");
    expect(why({ kernel: "mystery" })).toBe("no schedule for kernel mystery");
    expect(why({ kernel: 7 })).toBe("no kernel");
    expect(why({ device: "GPU H100" })).toBe("no device GPU H100");
    expect(why({ ep: null })).toBe("ep is not stated");
    expect(why({ ep: 7 })).toBe("ep = 7 does not divide E = 64");
    expect(why({ tokens: "many" })).toBe("tokens are not stated");
    expect(why({ routing: "by the moon" })).toBe("routing not understood: by the moon");
    expect(why({ what: "stage4 gather only (isolated)" })).toMatch(/part of a call/);
    expect(why({ published_in_table: false })).toMatch(/published table/);
  });

  test("are scored on what really ran", () => {
    const read = readRecord({ ...good, config: { bt: 64 }, effective_config: { bt: 8, bf: 512 } });
    expect(read.ok && read.measurement.tiles).toMatchObject({ bt: 8, bf: 512 });
  });

  test("say what was assumed", () => {
    const read = readRecord({ ...good, w_dtype: null, routing: null });
    expect(read.ok && read.measurement.assumed).toEqual([
      "bfloat16 weights",
      "uniform routing",
      "tiles: its default",
    ]);
  });

  test.each([
    ["TPU v6e (16 chips, 4x4)", "v6e"],
    ["TPU7x, 8 JAX devices on one host", "v7x"],
    ["TPU v5 lite", "v5e"],
    ["TPU v5p", "v5p"],
  ])("device %s", (name, kind) => {
    expect(deviceOf(name)?.name).toBe(kind);
  });

  test.each([
    ["sparse_hotspot ratio=1 count=48", { kind: "hotspot", count: 48, ratio: 1 }],
    [
      "hotspot: 128 of 256 experts get 2/3 of traffic",
      { kind: "hotspot", count: 128, ratio: 2 / 3 },
    ],
    ["zipf s=1.2", { kind: "zipf", s: 1.2 }],
    ["random", { kind: "uniform" }],
  ])("routing %s", (text, skew) => {
    expect(skewOf(text)).toEqual(skew);
  });
});

test("every set that ranks configurations or kernels meets the goals", async () => {
  // Long calls are left to the program: they take most of its time. Sets E and F have few arms then.
  const short = records.filter(({ tokens }) => typeof tokens !== "number" || tokens <= 1024);
  const { sets, arms } = await bench(short);
  expect(arms.length).toBeGreaterThan(120);
  for (const { set, spearman, regret } of sets.filter((score) => score.arms > 10)) {
    expect(spearman, set).toBeGreaterThanOrEqual(0.9);
    expect(regret?.mean ?? 0, set).toBeLessThanOrEqual(0.05);
  }
  // What `predict` states as uncertainty is what is seen here.
  const ratios = arms
    .filter(({ device }) => device === "v7x")
    .map(({ predicted, measured }) => measured / predicted);
  const { low, high } = spreadOf(devices.v7x);
  const inside = ratios.filter((ratio) => ratio >= low && ratio <= high).length / ratios.length;
  expect(inside).toBeGreaterThan(0.75);
  const right = sets.reduce((sum, { signs }) => sum + signs.right, 0);
  const of = sets.reduce((sum, { signs }) => sum + signs.of, 0);
  expect(of).toBeGreaterThan(50);
  expect(right / of).toBeGreaterThan(0.9);
});

describe("the program", () => {
  const folder = mkdtempSync(join(tmpdir(), "moegen-truth-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (args: readonly string[]) =>
    execa("node", [join(root, "test", "bench", "predict", "main.mjs"), ...args], { reject: false });
  const file = (name: string, lines: readonly string[]): string => {
    const path = join(folder, name);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };

  test("takes another file and loses nothing to what it does not know", async () => {
    const unknown = { ...good, set: "Y:new", kernel: "mystery", extra: { a: [1] } };
    const slow = { ...good, us: 190, kernel: "sgl epmoe" };
    const path = file("truth.jsonl", [
      ...[good, slow, unknown].map((record) => JSON.stringify(record)),
      "{ broken",
      "[1, 2]",
    ]);
    const { stdout, stderr, exitCode } = await run([path, "--json"]);
    expect(exitCode).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ command: "bench:predict", status: "ok" });
    expect(result.arms).toHaveLength(2);
    expect(result.sets.map(({ set }: { set: string }) => set)).toEqual(["X:test", "Y:new"]);
    expect(result.sets[1].skipped).toEqual([{ why: "no schedule for kernel mystery", records: 1 }]);
    expect(stderr).toContain("truth.jsonl:4:");
    expect(stderr).toContain("truth.jsonl:5: not a JSON object");
  });

  test("prints a table, and fails where nothing can be predicted", async () => {
    const page = await run([file("one.jsonl", [JSON.stringify(good)])]);
    expect(page.stdout).toMatch(/^X:test +1 +1 /m);
    expect(page.stdout).toContain("tiles: its default");
    const none = await run([file("none.jsonl", [JSON.stringify({ ...good, us: 0 })])]);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain("no record could be predicted");
    const missing = await run([join(folder, "missing.jsonl")]);
    expect(missing.exitCode).toBe(69);
    expect(missing.stderr).toContain("no file");
  });
});
