/**
 * Sums of tokens in HBM, or results that they are made of, on simulated devices with races on. By default one kernel, in passes, with every
 * expert's rows in several blocks and one device that has them all; `npm run test:long`: whole tiles, rows of 8
 * bits, quantised weights and activations, float32, shared experts, on 1 to 8 devices.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MoeInput } from "../../src/index.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";

type Place = "hbm with sums" | "hbm with results";

function spec(more: object, ep: number, tile: number, rows: Place): MoeInput {
  return {
    name: "sums_from_hbm",
    layer: {
      ...{ experts: 16, topK: 4, hidden: 512, intermediate: 512, activation: "silu" },
      routing: { where: "kernel", scoring: "softmax", renormalize: true },
      ...more,
    },
    mesh: { ep, axes: ["data", "tensor"] },
    devices: ["v7x"],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: 1024, bt: 32, bf: tile, bd: tile, rows } },
    },
  };
}

const channel = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;

const KINDS: Readonly<Record<string, readonly [more: object, tile: number]>> = {
  "in tiles, with biases": [{ biases: true }, 256],
  whole: [{}, 512],
  "rows of 8 bits": [{ wire: { dispatch: "int8" } }, 512],
  "rows and sums of 8 bits": [
    { wire: { dispatch: "float8_e4m3fn", combine: "int8" }, biases: true },
    256,
  ],
  "weights and activations of 8 bits": [
    { quantization: { ...channel, activations: "int8" }, biases: true },
    512,
  ],
  "weights, activations and sums of 8 bits": [
    { quantization: { ...channel, activations: "int8" }, wire: { combine: "int8" } },
    512,
  ],
  "of float32, weighed as they go in": [{ dtype: "float32", scoreOn: "input" }, 256],
  "with shared experts": [{ sharedExperts: { count: 1, intermediate: 512, gate: "sigmoid" } }, 256],
  "of columns that fill no lanes": [{ hidden: 320, intermediate: 320 }, 160],
};

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-sums-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const names = Object.keys(KINDS).slice(0, long ? undefined : 1);
  const devices = long ? [1, 2, 4, 8] : [2];
  const each = names.flatMap((name) =>
    devices.flatMap((ep) => [
      ["hbm with sums", name, ep] as const,
      // Shared experts have sums to add to, and one device none to send.
      ...(ep === 1 || name === "with shared experts"
        ? []
        : [["hbm with results", name, ep] as const]),
    ]),
  );
  test.each(each)("%s, %s, ep %i: right in passes and under any skew", async (rows, name, ep) => {
    const file = join(folder, "sums.moe.ts");
    const [more, tile] = KINDS[name] ?? [{}, 256];
    const wired = ep === 1 && "wire" in more ? {} : more;
    const written = JSON.stringify(spec(wired, ep, tile, rows));
    writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
    const cases = long ? [] : ["--case", "hot-device,passes"];
    const ran = await moegen(["validate", file, ...cases, "--json"]);
    expect(ran.stderr).not.toContain("fault of moegen");
    expect(onlyObject(ran)).toMatchObject({ ok: true });
  });
});
