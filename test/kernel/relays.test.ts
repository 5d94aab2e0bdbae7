/** Tables of copies between devices: complete, one link a copy, and alike in the generated package. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { checkFile, registries } from "../../src/check/index.ts";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import { choose, wholeParts } from "../../src/kernel/collectives/choose.ts";
import { linkTraffic } from "../../src/kernel/collectives/traffic.ts";
import { lowerFor } from "../../src/lower/lower.ts";
import { allOf } from "../../src/plan/call.ts";
import { ordersOf } from "../../src/predict/machine/copies.ts";
import { type DeviceSteps, stepsOf } from "../../src/predict/machine/relays.ts";
import { topologyOf } from "../../src/predict/machine/topology.ts";
import { torusOf } from "../../src/predict/machine/torus.ts";
import { devices } from "../../src/target/device/registry.ts";

const CASES = [
  ["v6e", 2, 1],
  ["v6e", 4, 2],
  ["v6e", 8, 4],
  ["v6e", 16, 2],
  ["v5p", 8, 4],
  ["v7x", 2, 1],
  ["v7x", 4, 2],
  ["v7x", 8, 2],
  ["v7x", 32, 4],
] as const;

/** Goes through the steps of all devices; who is waited for and never comes is an error. */
function run<S>(
  lists: readonly (readonly S[])[],
  awaited: (step: S, device: number) => string | undefined,
  go: (step: S, device: number) => string | undefined,
): void {
  const at = lists.map(() => 0);
  const sent = new Set<string>();
  for (let moved = true; moved; ) {
    moved = false;
    for (const [device, list] of lists.entries()) {
      for (let step = list[at[device]!]; step !== undefined; step = list[at[device]!]) {
        const name = awaited(step, device);
        if (name !== undefined && !sent.delete(name)) break;
        const copy = go(step, device);
        if (copy !== undefined) {
          expect(sent).not.toContain(copy);
          sent.add(copy);
        }
        at[device]!++;
        moved = true;
      }
    }
  }
  expect(at).toEqual(lists.map((list) => list.length));
  expect([...sent]).toEqual([]);
}

function gathered(steps: readonly DeviceSteps[]): void {
  const has = steps.map((_, device) => new Set([device]));
  run(
    steps.map(({ gather }) => gather),
    ({ awaited, block, part }, device) => (awaited ? `${block}.${part} to ${device}` : undefined),
    ({ awaited, block, part, peer }, device) => {
      if (awaited) has[device]!.add(block);
      expect(has[device]).toContain(block);
      return peer === undefined ? undefined : `${block}.${part} to ${peer}`;
    },
  );
  for (const held of has) expect(held.size).toBe(steps.length);
}

function reduced(steps: readonly DeviceSteps[], cuts: number): void {
  // Whose sums a device holds, by block and part; a copy holds what its sender held.
  const holds = new Map<string, readonly number[]>();
  const copies = new Map<string, readonly number[]>();
  const of = (device: number, block: number, part: number): readonly number[] =>
    holds.get(`${device} ${block}.${part}`) ?? [device];
  run(
    steps.map(({ reduce }) => reduce),
    ({ peer, slot }, device) => (peer === undefined ? `${slot} of ${device}` : undefined),
    ({ block, part, peer, slot }, device) => {
      if (peer !== undefined) {
        copies.set(`${slot} of ${peer}`, of(device, block, part));
        return `${slot} of ${peer}`;
      }
      const more = copies.get(`${slot} of ${device}`) ?? [];
      holds.set(`${device} ${block}.${part}`, [...of(device, block, part), ...more]);
      return undefined;
    },
  );
  const all = steps.map((_, device) => device);
  for (const block of all) {
    for (let part = 0; part < cuts; part++) {
      expect([...of(block, block, part)].sort((a, b) => a - b)).toEqual(all);
    }
  }
}

describe.each(CASES)("%s, ep %d, in %d parts", (name, ep, parts) => {
  const device = devices[name];
  const steps = stepsOf(torusOf(device, ep), ep, parts);

  test("every device gets every block, and the sums of all come home once", () => {
    gathered(steps);
    reduced(steps, parts);
    reduced(stepsOf(torusOf(device, ep), ep, parts, true), parts);
  });

  test("every copy crosses one link", () => {
    const { route } = topologyOf(device, ep);
    for (const [from, { gather }] of steps.entries()) {
      for (const { peer } of gather) {
        if (peer !== undefined) expect(route(from, peer)).toHaveLength(1);
      }
    }
  });
});

test("straight: no device passes anything on", () => {
  const steps = stepsOf(torusOf(devices.v7x, 8), 8, 0);
  gathered(steps);
  reduced(steps, 1);
  reduced(stepsOf(torusOf(devices.v7x, 8), 8, 0, true), 1);
  for (const { gather, own, early } of steps) {
    expect(own).toBe(7);
    expect(early).toBe(0);
    expect(gather.slice(own).every(({ peer }) => peer === undefined)).toBe(true);
  }
});

test("parts take chips' dimensions in different orders, the devices of a chip last", () => {
  expect(ordersOf(torusOf(devices.v7x, 8), 4)).toEqual([
    [0, 1, 2],
    [1, 0, 2],
    [1, 0, 2],
    [0, 1, 2],
  ]);
  expect(ordersOf(torusOf(devices.v7x, 2), 1)).toEqual([[0]]);
});

test("by dimensions a block crosses to each chip once, straight twice or more", () => {
  const straight = linkTraffic(devices.v7x, 8, 0, 1000);
  const relayed = linkTraffic(devices.v7x, 8, 2, 500);
  const crossed = ({ links }: typeof straight): number =>
    links.reduce((sum, { links: kind, bytes }) => sum + (kind === "pair" ? 0 : bytes), 0);
  expect(crossed(straight)).toBe(8000);
  expect(crossed(relayed)).toBe(3000);
  expect(relayed.hops).toBe(3);
  expect(straight.hops).toBe(1);
});

test("rows that no token owns stay where they are, but for those of a group", async () => {
  const bytes = async (name: string, tokens: number, stream: string): Promise<number> => {
    const { plan } = await checkFile(`examples/${name}.moe.ts`);
    const lowered = lowerFor(plan!, { device: "v7x", tokens }, registries);
    const found = allOf(lowered).streams.find((one) => one.name === stream);
    return found!.bytes / (7 * plan!.layer.hidden * 2);
  };
  for (const stream of ["rows_out", "sums_out"]) {
    // Of 8 devices, to 7 others, of 8192 bfloat16: one token, five, eight; then groups of 8 rows.
    for (const [tokens, rows] of [
      [8, 1],
      [40, 5],
      [64, 8],
      [72, 16],
    ] as const) {
      expect(await bytes("grok-2", tokens, stream), `T ${tokens}`).toBe(rows);
    }
    // 2880 of them, in 12 sublanes: a copy of a row or three ends within a register.
    for (const [tokens, rows] of [
      [8, 1],
      [24, 3],
    ] as const) {
      expect(await bytes("gpt-oss-120b", tokens, stream), `T ${tokens}`).toBeCloseTo(
        (rows * 3072) / 2880,
      );
    }
  }
});

test("the faster one is chosen, of what is possible", () => {
  const device = devices.v7x;
  const block = { device, ep: 8, sentTokens: 256, unit: 4, rows: 2 ** 20, sums: 2 ** 20 };
  expect(choose("auto", block)).toBeGreaterThan(1);
  expect(choose("straight", block)).toBe(0);
  expect(choose("by dimensions", { ...block, rows: 64, sums: 64 })).toBeGreaterThan(0);
  // Two devices of one chip have one way; five fill no chips.
  expect(choose("auto", { ...block, ep: 2 })).toBe(0);
  expect(choose("auto", { ...block, ep: 5 })).toBe(0);
  expect(choose(4, { ...block, sentTokens: 8 })).toBe(2);
  expect(wholeParts(8, 48, 8)).toBe(2);
  expect(wholeParts(8, 48, 4)).toBe(4);
});

test("on a kind that a package is not for, the plan is of the tiles that it takes there", async () => {
  const { plan } = await checkFile("examples/mixtral-8x7b.moe.ts");
  const at = (device: string) => lowerFor(plan!, { device, tokens: 2048 }, registries);
  // A line of four chips passes more on than a ring: 40 copies of sums arrive, not 28.
  const [tightest, foreign] = [at("v7x"), at("v5e")];
  expect(tightest.tiles.own.parts).toBeGreaterThan(0);
  expect(foreign.tiles).toEqual({ ...tightest.tiles, own: { ...tightest.tiles.own, parts: 0 } });
  const bytes = ({ calls }: typeof foreign): number =>
    allOf({ calls }).buffers.find(({ name }) => name === "arrived_sums")!.bytes;
  expect(bytes(foreign)).toBe(bytes(tightest));
});

const TABLES = `
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
topology = importlib.import_module(sys.argv[2] + ".topology")
found = {}
for parts in map(int, sys.argv[3:]):
    table, words, _, slots = topology.relays_of(None, parts)
    found[parts] = {"slots": slots, "table": table.reshape(-1, words).tolist()}
print(json.dumps(found))
`;

/** One device's table as the generated package has it. */
function tableOf({ gather, own, early, reduce, sends }: DeviceSteps, me: number): number[] {
  const end = gather.length;
  const header = [own, own + early, end, end + reduce.length, sends, 0, 0, 0];
  const all = [
    ...gather.map(({ block, part, peer, awaited }) => [block, part, peer ?? me, Number(awaited)]),
    ...reduce.map(({ block, part, peer, slot }) => [block, part, peer ?? me, slot]),
  ];
  return [...header, ...all.flat()];
}

test.each([
  ["grok_2", "v5e", 8],
  ["qwen3_235b_a22b_ep16", "v5p", 16],
  ["qwen3_30b_a3b_fp8", "v7x", 4],
] as const)("%s makes the same tables as the plan", async (name, kind, ep) => {
  const python = interpreterOf(checkoutEnvironment);
  const generated = join(import.meta.dirname, "..", "..", "generated");
  const cache = mkdtempSync(join(tmpdir(), "moegen-tables-"));
  const env = { JAX_PLATFORMS: "cpu", PYTHONPYCACHEPREFIX: cache };
  const { stdout } = await execa(python, ["-c", TABLES, generated, name, "0", "1", "2", "4"], {
    env,
  });
  rmSync(cache, { recursive: true, force: true });
  const tables = JSON.parse(stdout) as Record<string, { slots: number; table: number[][] }>;
  for (const [parts, { slots, table }] of Object.entries(tables)) {
    const steps = stepsOf(torusOf(devices[kind], ep), ep, Number(parts));
    expect(slots).toBe(Math.max(...steps.map(({ sends }) => sends)));
    for (const [me, one] of steps.entries()) {
      const expected = tableOf(one, me);
      expect(table[me]?.slice(0, expected.length)).toEqual(expected);
    }
  }
});
