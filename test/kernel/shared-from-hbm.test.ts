/**
 * Shared experts take their token rows out of HBM, before the routed experts do. By default one kernel on
 * simulated devices; `npm run test:long`: whole and in tiles, quantised, on 1 to 8 devices.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { type MoeInput, moe } from "../../src/index.ts";
import { allOf } from "../../src/plan/call.ts";
import { moegen, onlyObject } from "../cli/moegen.ts";
import { long } from "../long.ts";

function spec(more: object, ep: number, tile: number): MoeInput {
  return {
    name: "shared_from_hbm",
    layer: {
      ...{ experts: 16, topK: 4, hidden: 512, intermediate: 512, activation: "silu" },
      routing: { where: "kernel", scoring: "softmax", renormalize: true },
      sharedExperts: { count: 1, intermediate: 512, gate: "sigmoid" },
      ...more,
    },
    mesh: { ep, axes: ["data", "tensor"] },
    devices: ["v7x"],
    schedule: {
      kind: "gather",
      tiles: { all: { upTo: 1024, bt: 32, bf: tile, bd: tile, rows: "hbm" } },
    },
  };
}

test("their rows are copies that the plan has, waited for where they start", () => {
  const { plan } = judge(moe(spec({}, 4, 256)), registries);
  const [kernel] = plan?.kernels ?? [];
  if (kernel === undefined) throw new Error("no plan");
  const { buffers, streams, stages } = allOf(kernel);
  // Side by side where they are gathered as well: no row of 32 lies apart.
  const gathered = buffers.find(({ name }) => name === "gathered_rows");
  expect(gathered?.shape).toEqual([32 * 2, 128]);
  const rows = streams.find(({ name }) => name === "shared_rows_in");
  expect(rows).toMatchObject({
    from: "HBM",
    semaphore: "shared_rows_gathered",
    source: "token_rows",
  });
  // Neighbours, sixteen a copy: of 512 columns two sublanes of words.
  expect((rows?.bytes ?? 0) / (rows?.copies ?? 1)).toBe(16 * 2 * 128 * 4);
  const stage = stages.find(({ name }) => name === "shared_rows");
  expect([stage?.starts, stage?.waits]).toEqual([["shared_rows_in"], ["shared_rows_in"]]);
});

const KINDS: Readonly<Record<string, readonly [more: object, tile: number]>> = {
  "in tiles": [{}, 256],
  whole: [{}, 512],
  "of columns that several devices have": [
    { sharedExperts: { count: 1, intermediate: 128 }, biases: true },
    256,
  ],
  "rows of 8 bits": [{ wire: { dispatch: "int8" } }, 512],
};

describe.sequential("on simulated devices", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "moegen-shared-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const names = Object.keys(KINDS).slice(0, long ? undefined : 1);
  const devices = long ? [1, 2, 8] : [4];
  test.each(names.flatMap((name) => devices.map((ep) => [name, ep] as const)))(
    "%s, ep %i: right under any skew",
    async (name, ep) => {
      const file = join(folder, "shared.moe.ts");
      const [more, tile] = KINDS[name] ?? [{}, 256];
      const wired = ep === 1 && "wire" in more ? {} : more;
      const written = JSON.stringify(spec(wired, ep, tile));
      writeFileSync(file, `import { moe } from "moegen";\nexport default moe(${written});\n`);
      const ran = await moegen(["validate", file, "--case", "hot-device,odd", "--json"]);
      expect(ran.stderr).not.toContain("fault of moegen");
      expect(onlyObject(ran)).toMatchObject({ ok: true });
    },
  );
});
