/**
 * What the grouped matmuls take and refuse, and more rounds than one on simulated devices. By default one
 * format; `npm run test:long`: all.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import type { MoeInput } from "../../src/index.ts";
import { type Auto, auto, moe } from "../../src/index.ts";
import { allOf } from "../../src/plan/call.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";
import { layer, swigluoai } from "./small-layer.ts";

function spec(more: object, ep = 4, bf: Auto | number = auto): MoeInput {
  return {
    name: "grouped",
    layer: { ...layer, ...more },
    mesh: { ep, axes: ["data", "tensor"] },
    devices: ["v7x"],
    schedule: {
      kind: "gmm",
      tiles: { small: { upTo: 64, bt: 64, bf }, large: { upTo: 1024, bt: 256, bf } },
    },
  };
}

const blocks = { kind: "sub_channel", block: 32 } as const;
const FORMATS: Readonly<Record<string, object>> = {
  "float4, biased, side by side": {
    weights: "side_by_side",
    biases: true,
    activation: swigluoai,
    quantization: { weights: "float4_e2m1fn", granularity: blocks, scales: "bfloat16" },
  },
  "float8 in blocks": {
    quantization: { weights: "float8_e4m3fn", granularity: "blocks_128x128", scales: "float32" },
  },
  bfloat16: {},
  float32: { dtype: "float32" },
  "separate, biased": { weights: "separate", biases: true, activation: swigluoai },
  "sizes that fill no lanes": {
    weights: "side_by_side",
    biases: true,
    hidden: 1440,
    intermediate: 1440,
  },
  "8-bit rows": { wire: { dispatch: "float8_e4m3fn" } },
  "int8 rows, biased": {
    wire: { dispatch: "int8" },
    biases: true,
    activation: swigluoai,
    quantization: { weights: "int8", granularity: "per_channel", scales: "float32" },
  },
  "given routing": { routing: { where: "given" }, activation: "gelu" },
  "float8 by channel": {
    quantization: { weights: "float8_e4m3fn", granularity: "per_channel", scales: "float32" },
  },
  "no gate, groups, correction bias": {
    weights: "up",
    activation: "relu2",
    routing: {
      ...layer.routing,
      scoring: "sigmoid",
      correctionBias: true,
      groups: { count: 4, kept: 2, score: "sum_of_top_2" },
    },
  },
};

const messages = (more: object): readonly string[] =>
  judge(moe(spec(more)), registries).findings.map(({ message }) => message);

test.each([
  ["wire.combine", { wire: { combine: "int8" } }],
  ["deterministic", { deterministic: true }],
  ["scoreOn", { scoreOn: "input" }],
])("%s is refused by name", (field, more) => {
  expect(messages(more).join()).toContain(`gmm has no ${field}`);
});

test("rows sent as 8 bits take half of what crosses devices before the experts, and nothing after them", () => {
  const [plain = [], narrow = []] = [{}, { wire: { dispatch: "int8" } }].map((more) => {
    const [kernel] = judge(moe(spec(more)), registries).plan?.kernels ?? [];
    return kernel?.calls.flatMap((call) => (call.kind === "collective" ? [call.bytes] : []));
  });
  // Beside D values a token has its ids and weights, and its scale.
  expect(narrow[0]).toBe(64 * (1024 + 4 + 8 * 4));
  expect(plain[0]).toBe(64 * (2 * 1024 + 8 * 4));
  expect(narrow[1]).toBe(plain[1]);
});

test("bodies beside the usual ones are for the rows that most experts have", () => {
  const tiles = { at: { upTo: 512, bt: 256, bf: auto }, large: { upTo: 2048, bt: 256, bf: auto } };
  const bodies = (more: object): readonly (readonly number[])[] => {
    const own = { ...spec(more), schedule: { kind: "gmm" as const, tiles } };
    const kernels = judge(moe(own), registries).plan?.kernels ?? [];
    return kernels.map((kernel) => kernel.tiles.btc);
  };
  const mean = (512 * layer.topK) / layer.experts;
  const around = [mean, mean + Math.sqrt(mean), mean + 2 * Math.sqrt(mean)];
  const [at = [], twice] = bodies({});
  for (const rows of around) {
    expect(at.find((body) => body >= rows)).toBeLessThan(rows + 16);
  }
  // Where the average expert fills a whole row tile there is nothing to add.
  expect(twice).toEqual([16, 64, 128, 256]);
  expect(bodies({ wire: { dispatch: "int8" } })[0]?.every((body) => body % 32 === 0)).toBe(true);
});

test("experts whose columns alone are cut over devices have rows to send", () => {
  const mesh = { ep: 1, tp: 4 };
  const given = { ...spec({ wire: { dispatch: "int8" } }), mesh };
  expect(judge(moe(given), registries).findings).toEqual([]);
});

test("in tiles of F, and with whole experts, each read is of an expert that has rows", async () => {
  for (const bf of [128, 512]) {
    const { plan } = judge(moe(spec({}, 4, bf)), registries);
    if (plan === undefined) expect.unreachable("no plan");
    const texts = [...(await emitPackage(plan)).values()].join("\n");
    expect(texts.includes("r.item_experts[item], ")).toBe(bf < 512);
  }
});

test("deterministic is refused once", () => {
  const found = messages({ deterministic: true });
  expect(found.filter((message) => message.includes("deterministic"))).toHaveLength(1);
});

test("where the kernel of sums has no room, no tile is blamed", () => {
  const wide = { experts: 64, topK: 64, hidden: 16_384, intermediate: 128 };
  const found = judge(moe(spec(wide, 4, 128)), registries).findings.find(
    ({ code }) => code === "MOE201",
  );
  expect(found?.path.at(-1)).toBe("upTo");
  expect(found?.note).toContain("brought");
});

test("8-bit activations are refused, their weights are not", () => {
  const weights = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;
  expect(messages({ quantization: weights })).toEqual([]);
  const found = messages({ quantization: { ...weights, activations: "int8" } });
  expect(found.join()).toContain("leave out activations = int8");
});

test("weights come in tiles of F where all of an expert has no room, in every bucket or in none", () => {
  const kernelsOf = (bf?: number, more: object = {}) =>
    judge(moe(spec(more, 4, bf)), registries).plan?.kernels.map(({ tiles, calls }) => {
      const read = calls.flatMap((call) => (call.kind === "pallas" ? call.streams : []));
      const { bytes = 0, copies = 0 } = read.find(({ name }) => name === "down_in") ?? {};
      return [tiles.streamed, tiles.bf, Math.round(bytes / copies / 2 / layer.hidden)];
    });
  expect(kernelsOf()).toEqual([
    [false, 512, 512],
    [false, 512, 512],
  ]);
  expect(kernelsOf(256)).toEqual([
    [true, 256, 256],
    [true, 256, 256],
  ]);
  // An expert of 1.2 GB: the widest tiles that fit beside the rows.
  const large = kernelsOf(undefined, { hidden: 8192, intermediate: 32_768 });
  expect(large?.map(([streamed]) => streamed)).toEqual([true, true]);
  expect(large?.every(([, bf]) => Number(bf) >= 256 && Number(bf) <= 1024)).toBe(true);
});

test.each([
  [4, 1, 512],
  [8, 2, 1024],
  // 384 columns do not cut over four devices: two take each half, of every second token.
  [4, 2, 384],
])(
  "on %i devices %i shared experts lie as gather's do, and their rows are of all devices",
  (ep, count, intermediate) => {
    const sharedExperts = { count, intermediate };
    const { plan } = judge(moe(spec({ sharedExperts }, ep)), registries);
    const [kernel] = plan?.kernels ?? [];
    if (plan === undefined || kernel === undefined) expect.unreachable("no plan");
    const columns = scheduleOf("gmm").sharedColumns(plan.layer, ep);
    expect(columns).toBe(scheduleOf("gather").sharedColumns(plan.layer, ep));
    const { stages } = allOf(kernel);
    const flops = stages
      .filter(({ name }) => name.startsWith("shared_feed_forward"))
      .reduce((sum, one) => sum + one.flops, 0);
    // A device's share of what all tokens take through all columns.
    expect(flops).toBeCloseTo((6 * 1024 * count * intermediate * kernel.tokens) / ep, 3);
  },
);

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-gmm-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("through tiles of F, biased, right under any skew", async () => {
    const file = join(folder, "tiles.moe.ts");
    const written = JSON.stringify(spec({ ...FORMATS["separate, biased"] }, 4, 256));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const ran = await moegen(["validate", file, "--case", "uniform,hot-device,odd", "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });

  test("with rows sent as 8 bits, which gated shared experts take as well", async () => {
    const file = join(folder, "narrow.moe.ts");
    const sharedExperts = { count: 1, intermediate: 256, gate: "sigmoid" };
    const written = JSON.stringify(spec({ sharedExperts, wire: { dispatch: "int8" } }));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const ran = await moegen(["validate", file, "--case", "uniform,hostile-logits,odd", "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });

  test("with gated shared experts in groups of devices, more rounds than one among the cases", async () => {
    const file = join(folder, "shared.moe.ts");
    const sharedExperts = { count: 1, intermediate: 256, gate: "sigmoid" };
    const written = JSON.stringify(spec({ sharedExperts }));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const ran = await moegen(["validate", file, "--case", "uniform,hot-device,odd", "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });

  const names = Object.keys(FORMATS).slice(0, long ? undefined : 1);
  const devices = long ? [1, 2, 4, 8] : [4];
  test.each(names.flatMap((name) => devices.map((ep) => [name, ep] as const)))(
    "%s, ep %i: right under any skew",
    async (name, ep) => {
      const file = join(folder, "grouped.moe.ts");
      const written = JSON.stringify(spec(FORMATS[name] ?? {}, ep));
      writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
      // One device has all rows of hot-device: more than a round's from ep 4 on.
      const cases = ["--case", "uniform,hot-device,odd,ids"];
      const ran = await moegen(["validate", file, ...cases, "--json"]);
      expect(ran.stderr).not.toContain("fault of moegen");
      expect(onlyObject(ran)).toMatchObject({ ok: true });
    },
  );
});
