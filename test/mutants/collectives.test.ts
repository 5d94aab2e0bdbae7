/**
 * Mutants of a kernel between collectives of XLA: on two devices where one has none of its rows of 8 bits, or
 * every column of its experts. A device that fails does not leave the other at a collective.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { runMutants } from "../../src/validate/mutants/run.ts";
import { long } from "../long.ts";
import { cutLayer as layer } from "../schedule/small-layer.ts";

const schedule = { kind: "gmm", tiles: { small: { upTo: 64, bt: 64, bf: 256 } } };
const narrow = { ...layer, wire: { dispatch: "int8" } };
/** Each with the devices that it is scaled to. */
const KERNELS = [
  ["narrow", { layer: narrow, mesh: { ep: 8 } }, { ep: 2 }],
  ["narrow_cut", { layer: narrow, mesh: { ep: 2, tp: 4 } }, { ep: 1, tp: 2 }],
  ["cut", { layer, mesh: { ep: 2, tp: 4 } }, { ep: 1, tp: 2 }],
] as const;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "moegen-collectives-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test.each(long ? KERNELS : KERNELS.slice(1, 2))("%s: each is caught", async (name, made, size) => {
  const path = join(folder, `${name}.moe.ts`);
  const spec = JSON.stringify({ name, ...made, devices: ["v7x"], schedule });
  writeFileSync(path, `import { moe } from "moegen";\nexport default moe(${spec});\n`);
  const { loaded, plan } = await checkFile(path);
  if (loaded === undefined || plan === undefined) expect.unreachable("it does not check");
  const options = { only: ["wait", "start"], sample: 3, workers: 1 } as const;
  const result = await runMutants(loaded, plan, options);
  expect(result.size).toMatchObject(size);
  expect(result).toMatchObject({ ok: true, killed: 3, total: 3 });
  for (const { by, message } of result.mutants) {
    expect(by).not.toMatch(/time-out|crash|not built|^error$/);
    expect(message).not.toContain("another device failed");
  }
});
