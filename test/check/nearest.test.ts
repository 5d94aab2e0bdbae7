/** "Nearest legal" is legal under all rules: put in its place, the next run has nothing to say. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/check/diagnostic.ts";
import { registries } from "../../src/check/index.ts";
import { judge } from "../../src/check/judge.ts";
import { withLegalValues } from "../../src/check/nearest.ts";
import { loadSpec } from "../../src/dsl/load.ts";
import { auto, type MoeInput, moe } from "../../src/index.ts";
import { long } from "../long.ts";
import { checkText, LAYER, specText } from "./marked.ts";

type Path = readonly (string | number)[];

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".moe.ts"));
const plain: unknown[] = [];
for (const name of names) {
  const { spec } = await loadSpec(`${EXAMPLES}${name}`);
  plain.push(JSON.parse(JSON.stringify(spec)));
}

function placesIn(value: unknown, at: Path = []): readonly (readonly [Path, unknown])[] {
  if (typeof value !== "object" || value === null) return [[at, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    placesIn(inner, [...at, Array.isArray(value) ? Number(key) : key]),
  );
}

function put(value: unknown, [step, ...below]: Path, made: unknown): unknown {
  if (step === undefined) return made;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => (index === step ? put(item, below, made) : item));
  }
  const object = value as Readonly<Record<string | number, unknown>>;
  return { ...object, [step]: put(object[step], below, made) };
}

const findingsOf = (input: unknown): readonly Finding[] => {
  const spec = moe(input as MoeInput);
  return withLegalValues(spec, judge(spec, registries).findings, registries);
};
const errorsOf = (input: unknown): readonly string[] =>
  judge(moe(input as MoeInput), registries)
    .findings.filter(({ severity }) => severity === "error")
    .map(({ code, message }) => `${code} ${message}`);

/** A sound spec with one wrong value in it. */
const wrong = fc
  .record({
    spec: fc.constantFrom(...plain),
    at: fc.nat(),
    number: fc.oneof(
      fc.constantFrom(0, -1, 0.5, 1, 3, 12.5, 100, 127, 129, 1000.5, 2049),
      fc.integer({ min: 1, max: 9000 }),
    ),
    word: fc.constantFrom("int9", "float8", "v4", "fuse", "softmaxx", "gather2", "data-1"),
  })
  .map(({ spec, at, number, word }) => {
    const places = placesIn(spec).filter(([, value]) =>
      ["number", "string"].includes(typeof value),
    );
    const [path, old] = places[at % places.length] ?? [[], 0];
    return { spec: put(spec, path, typeof old === "number" ? number : word), path };
  });

test("each value proposed for a random wrong one passes", () => {
  let proposed = 0;
  fc.assert(
    fc.property(wrong, ({ spec, path }) => {
      const findings = findingsOf(spec).filter(({ severity }) => severity === "error");
      for (const finding of findings) {
        // What other values ask for may be all that is left of a rule: only this one was wrong.
        if (finding.at === "key" || finding.path.join() !== path.join()) continue;
        for (const value of finding.nearest) {
          if (typeof value === "string" && finding.code === "MOE201") continue;
          proposed += 1;
          // One mistake may break several rules; where nothing makes all of them hold, fewer break.
          const most = findings.length === 1 ? 0 : findings.length - 1;
          const legal = [value, asLiteral(value)].some(
            (made) => errorsOf(put(spec, path, made)).length <= most,
          );
          if (!legal) throw new Error(`${finding.message}: ${value} does not pass`);
        }
      }
    }),
    { numRuns: long ? 250 : 60, seed: 14 },
  );
  expect(proposed).toBeGreaterThan(long ? 100 : 20);
});

function asLiteral(value: number | string): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return value;
  }
}

test("rows of 8 bits between devices ask for whole lanes, and say that they do", () => {
  const [spec] = plain;
  const wire = put(put(spec, ["layer", "hidden"], 320), ["layer", "wire"], { combine: "int8" });
  expect(findingsOf(wire)).toContainEqual(
    expect.objectContaining({
      code: "MOE112",
      message: expect.stringContaining("multiple of 128 (rows of 8 bits, as activations or wire"),
    }),
  );
});

describe("a tile that is no whole number", () => {
  test.each([
    ["bf: ⟦12.5⟧, bd: 2048", [128, 256]],
    ["bf: ⟦0⟧, bd: 2048", [128, 256]],
    ["bf: ⟦-3⟧, bd: 2048", [128, 256]],
    ["bf: ⟦500.5⟧, bd: 2048", [256, 384]],
    ["bf: 768, bd: ⟦1000.5⟧", [512, 1024]],
  ])("%s", async (axes, nearest) => {
    const { found } = await checkText(
      specText({ tiles: `{ decode: { upTo: 256, bt: 64, ${axes} } }` }),
      "MOE103",
    );
    expect(found?.nearest).toEqual(nearest);
  });
});

test("each of two wrong tiles has values that the layer allows", () => {
  const tiles = { all: { upTo: 64, bt: 16, bf: 12.5, bd: 0 } };
  const findings = findingsOf({ ...dear, schedule: { kind: "gather", tiles } });
  const nearest = (axis: string) => findings.find(({ path }) => path.at(-1) === axis)?.nearest;
  expect([nearest("bf"), nearest("bd")]).toEqual([[208], [128, 256]]);
});

test("a product of sizes is no larger than one", () => {
  const sharedExperts = { count: 2 ** 30, intermediate: 2 ** 30 };
  const { where, scoring, renormalize } = {
    where: "kernel",
    scoring: "softmax",
    renormalize: true,
  } as const;
  const routing = { where, scoring, renormalize };
  const layer = { ...dear.layer, redundantExperts: 0, routing, sharedExperts };
  expect(errorsOf({ ...dear, layer }).join()).toContain("shared columns exceed 2147483647");
});

test("a size is one that its tiles divide", async () => {
  const spec = specText({ layer: LAYER.replace("hidden: 2048", "hidden: ⟦2048.5⟧") });
  const { found } = await checkText(spec, "MOE103");
  expect(found?.nearest).toContain(2048);
});

test("a warning's value ends the warning, and breaks nothing else", async () => {
  const bucket = (btc: string): string =>
    specText({ tiles: `{ decode: { upTo: 1, bt: ⟦48⟧, ${btc}bf: 768, bd: 2048 } }` });
  expect((await checkText(bucket(""), "MOE116")).found?.nearest).toEqual([16]);
  // btc ends in bt: another bt alone would be an error.
  expect((await checkText(bucket("btc: [48], "), "MOE116")).found?.nearest).toEqual([]);
});

/** Three buckets on four devices, all tiles `auto`: one judgement lowers a thousand kernels. */
const dear: MoeInput = {
  name: "dear",
  layer: {
    experts: 32,
    topK: 11,
    hidden: 2816,
    intermediate: 208,
    activation: { kind: "swigluoai", alpha: 1, limit: 0.1 },
    biases: true,
    routing: {
      where: "kernel",
      scoring: "softmax",
      renormalize: false,
      scoreChosen: true,
      correctionBias: true,
      groups: { count: 4, kept: 1, score: "sum_of_top_2" },
    },
    sharedExperts: { count: 2, intermediate: 768, gate: "sigmoid", quantization: "none" },
    dtype: "float32",
    redundantExperts: 3,
  },
  mesh: { ep: 1 },
  devices: ["v6e", "v7x", "v5p", "v5e"],
  schedule: {
    kind: "gather",
    tiles: Object.fromEntries(
      [13, 8996, 8998].map((upTo) => [`to_${upTo}`, { upTo, bt: auto, bf: auto, bd: auto }]),
    ),
  },
};

test("a value is not looked for by lowering without end", () => {
  let lowered = 0;
  const { gather } = registries.schedules;
  if (gather === undefined) expect.unreachable("no such schedule");
  const lower: typeof gather.lower = (input) => {
    lowered += 1;
    return gather.lower(input);
  };
  const counted = {
    ...registries,
    schedules: { ...registries.schedules, gather: { ...gather, lower } },
  };
  const spec = moe(dear);
  const found = withLegalValues(spec, judge(spec, counted).findings, counted);
  expect(found.map(({ code }) => code)).toContain("MOE118");
  expect(lowered).toBeLessThan(1000);
});

test.each([2 ** 31, 2 ** 53, Number.MAX_VALUE])(
  "%s is no size, and is not counted through",
  (size) => {
    const input = { ...dear, layer: { ...dear.layer, experts: size } };
    expect(errorsOf(input)).toEqual([
      `MOE103 experts = ${size} exceeds 2147483647, the largest size`,
      "MOE120 redundant experts are chosen by the caller, but routing is in the kernel",
    ]);
  },
);
