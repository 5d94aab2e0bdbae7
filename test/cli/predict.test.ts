import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen } from "./moegen.ts";

interface Part {
  readonly name: string;
  readonly seconds: number;
}
interface Call {
  readonly predicted: readonly {
    readonly name: string;
    readonly title: string;
    readonly prediction: {
      readonly seconds: number;
      readonly range: { readonly low: number; readonly high: number };
      readonly floor: { readonly seconds: number; readonly bound: string };
      readonly work: readonly Part[];
      readonly exposed: readonly Part[];
      readonly imbalance: number;
    };
  }[];
  readonly verdict: { readonly fastest: string } | null;
}

const calls = (ran: Awaited<ReturnType<typeof moegen>>): readonly Call[] =>
  onlyObject(ran).calls as readonly Call[];

describe("predict", () => {
  it("compiles the spec, simulates it, and says which back end is faster", async () => {
    const args = ["predict", qwen, "--device", "v6e", "--tokens", "64", "--json"];
    const ran = await moegen(args);
    expect(ran.code).toBe(0);
    expect(onlyObject(ran)).toMatchObject({ command: "predict", status: "ok", failures: [] });
    const [call] = calls(ran);
    expect(call?.predicted.map(({ name }) => name)).toEqual(["qwen3_30b_a3b", "epmoe"]);
    for (const { prediction } of call?.predicted ?? []) {
      const { seconds, range, floor, work, exposed } = prediction;
      expect(seconds).toBeGreaterThan(floor.seconds);
      expect(range.low).toBeLessThan(seconds);
      expect(range.high).toBeGreaterThan(seconds);
      const spent = [...work, ...exposed].reduce((sum, part) => sum + part.seconds, 0);
      expect(spent / seconds).toBeGreaterThan(0.9);
      expect(floor.bound).toBe("HBM");
    }
    // Bundles of the real kernel: its body for few rows ran.
    expect(call?.predicted[0]?.prediction.work.map(({ name }) => name)).toContain(
      "feed_forward_16",
    );
    expect(call?.verdict?.fastest).toBe("qwen3_30b_a3b");
  });

  it("compares published schedules without compiling, under any routing", async () => {
    const folder = emptyFolder();
    const histogram = join(folder, "traffic.json");
    writeFileSync(histogram, JSON.stringify(Array.from({ length: 128 }, (_, e) => 1 / (e + 1))));
    const args = ["predict", qwen, "--device", "v7x", "--tokens", "256,2048", "--skew", histogram];
    const compare = ["--compare", "sgl-jax-v1", "tpu-inference-gmm"];
    const ran = await moegen([...args, ...compare, "--json"], { env: { PATH: "" } });
    expect(ran.code).toBe(0);
    expect(calls(ran)).toHaveLength(2);
    for (const { predicted } of calls(ran)) {
      expect(predicted.map(({ name }) => name)).toEqual(["sgl-jax-v1", "tpu-inference-gmm"]);
      expect(predicted[0]?.prediction.imbalance).toBeGreaterThan(2);
    }
    const page = await moegen([...args, ...compare]);
    expect(page.stdout).toMatch(/v7x, T = 2048/);
    expect(page.stdout).toMatch(/floor +\d+ us by HBM/);
    expect(page.stdout).toMatch(/fastest|too close to call/);
  });

  it("takes for a package that nothing decides yet the fastest of those that may be in it", async () => {
    const path = join(emptyFolder(), "some.moe.ts");
    const layer = `{ experts: 8, topK: 2, hidden: 512, intermediate: 256, activation: "silu",
      routing: { scoring: "softmax", renormalize: true } }`;
    writeFileSync(
      path,
      `import { moe } from "moegen";
export default moe({ name: "some", layer: ${layer}, mesh: { ep: 4 }, devices: ["v6e"],
  schedule: { kind: "auto", among: ["gather", "gather_hbm_sums", "gmm"], tiles: { few: { upTo: 64 } } } });
`,
    );
    const compare = ["--compare", "spec", "gather", "gather_hbm_sums", "gmm"];
    const ran = await moegen(["predict", path, "--tokens", "64", ...compare, "--json"]);
    expect(ran.code).toBe(0);
    const [own, ...members] = calls(ran)[0]?.predicted ?? [];
    expect(own?.name).toBe("some");
    expect(own?.title).toMatch(/^some, \w+ schedule, the fastest of 3$/);
    const seconds = members.map(({ prediction }) => prediction.seconds);
    expect(new Set(seconds).size).toBe(3);
    expect(own?.prediction.seconds).toBe(Math.min(...seconds));
  });

  it.each([
    [["--compare", "epmo"], "nothing to compare is called epmo; known: spec, epmoe"],
    [["--skew", "zipf:x"], "wanted uniform, balanced, zipf:S"],
    [["--skew", "no-such-file.json"], "cannot read the routing file no-such-file.json"],
    [["--skew", "hotspot:2", "--compare", "epmoe"], "top-8 needs 8 experts with traffic"],
    [["--device", "v9"], "Known: v5e, v5p, v6e, v7x"],
  ])("refuses %j and says what there is", async (args, message) => {
    const { code, stderr, stdout } = await moegen(["predict", qwen, "--tokens", "64", ...args]);
    expect(code).toBe(64);
    expect(stderr).toContain(message);
    expect(stdout).not.toContain("us");
  });

  it("names the line of a routing file that is wrong", async () => {
    const path = join(emptyFolder(), "routing.jsonl");
    writeFileSync(path, "[0, 1, 2, 3, 4, 5, 6, 7]\n[0, 1, oops]\n");
    const { code, stderr } = await moegen(["predict", qwen, "--skew", path, "--compare", "epmoe"]);
    expect(code).toBe(64);
    expect(stderr).toContain("routing.jsonl:2: not a list of expert ids");
  });
});
