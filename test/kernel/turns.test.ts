/** Sums in HBM take turns: the plan's order of steps, and the same table in the generated package. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import { stepsOf } from "../../src/predict/machine/relays.ts";
import { torusOf } from "../../src/predict/machine/torus.ts";
import type { MoeSpec } from "../../src/spec/spec.ts";
import { devices } from "../../src/target/device/registry.ts";
import { LAYER } from "./resident-layer.ts";

test("sums cross to other chips before a device has given all of its own to the nearest", () => {
  const chip = (device: number): number => Math.floor(device / 2);
  const steps = stepsOf(torusOf(devices.v7x, 8), 8, 2, true);
  for (const [me, { reduce, nearest }] of steps.entries()) {
    const peers = reduce.flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
    const across = peers.findIndex((peer) => chip(peer) !== chip(me));
    const inside = peers.findLastIndex((peer) => chip(peer) === chip(me));
    expect(across).toBeGreaterThanOrEqual(0);
    expect(across).toBeLessThan(inside);
    // Own tokens' sums hold nothing up.
    expect(reduce.slice(0, nearest).filter(({ block }) => block === me)).toEqual([]);
  }
});

const TABLES = `
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
topology = importlib.import_module("turned.topology")
tables = [topology.relays_of(None, parts) for parts in map(int, sys.argv[2:])]
print(json.dumps([table.reshape(-1, words).tolist() for table, words, _, _ in tables]))
`;

test.each([
  ["v7x", 8],
  ["v6e", 4],
] as const)("a package for %s, ep %i makes the same tables as the plan", async (kind, ep) => {
  const all = { upTo: 1024, bt: 128, bf: 256, bd: 4096, rows: "hbm with sums" } as const;
  const spec: MoeSpec = {
    ...{ name: "turned", layer: LAYER, mesh: { ep, axes: ["expert"] }, devices: [kind] },
    ...{ schedule: { kind: "gather", tiles: { all } }, emit: { reference: true } },
  };
  const { plan } = judge(spec, registries);
  const folder = mkdtempSync(join(tmpdir(), "moegen-turns-"));
  for (const [path, text] of await emitPackage(plan!)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const env = { JAX_PLATFORMS: "cpu", PYTHONDONTWRITEBYTECODE: "1" };
  const python = interpreterOf(checkoutEnvironment);
  const cuts = [0, 1, 2, 4];
  const { stdout } = await execa(python, ["-c", TABLES, folder, ...cuts.map(String)], { env });
  rmSync(folder, { recursive: true, force: true });
  const tables = JSON.parse(stdout) as number[][][];
  for (const [at, parts] of cuts.entries()) {
    const steps = stepsOf(torusOf(devices[kind], ep), ep, parts, true);
    for (const [me, { gather, reduce, nearest }] of steps.entries()) {
      const found = tables[at]?.[me] ?? [];
      const [start, end] = [gather.length, gather.length + reduce.length];
      expect([found[2], found[3], found[5]]).toEqual([start, end, start + nearest]);
      const expected = reduce.flatMap(({ block, part, peer, slot }) => [
        block,
        part,
        peer ?? me,
        slot,
      ]);
      expect(found.slice(8 + 4 * start, 8 + 4 * end)).toEqual(expected);
    }
  }
});
