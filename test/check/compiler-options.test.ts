/** Compiler options of a bucket: judged, and carried into a module; absent, they leave no trace. */
import { describe, expect, test } from "vitest";
import { registries } from "../../src/check/index.ts";
import { emitPackage } from "../../src/emit/index.ts";
import { emitLayers } from "../../src/emit/layers.ts";
import { memberSpec } from "../../src/lower/several.ts";
import { schedules } from "../../src/schedule/registry.ts";
import { matrixRows } from "../../src/validate/matrix/rows.ts";
import { callOf } from "../../src/validate/matrix/spec.ts";
import { layersText, optioned } from "./layer-cases.ts";
import { checkText, specText } from "./marked.ts";

const OPTION = "xla_tpu_offload_gather_to_sparsecore";
const WHY = "decode waits for it";
const tiles = (options: string): string =>
  specText({
    tiles: `{
      decode: { upTo: 64, bt: 64, bf: 768, bd: 2048, compilerOptions: { ${options} } },
      prefill: { upTo: 256, bt: 64, bf: 768, bd: 2048 },
    }`,
  });

describe("compiler options", () => {
  test("of one bucket are a module that names them, with their reasons", async () => {
    const text = tiles(
      `${OPTION}: { value: false, because: "${WHY}" }, xla_tpu_n: { value: 3, because: "n" }`,
    );
    const { plan } = await checkText(text, undefined, undefined, registries);
    if (plan === undefined) throw new Error("no plan");
    expect(plan.kernels.map(({ compilerOptions }) => Object.keys(compilerOptions ?? {}))).toEqual([
      [OPTION, "xla_tpu_n"],
      [],
    ]);
    const files = await emitPackage(plan);
    const module = files.get(`${plan.name}/compiler_options.py`) ?? "";
    expect(module).toContain(`# ${WHY}\n            "${OPTION}": False,`);
    expect(module).toContain('"xla_tpu_n": 3,');
    expect(module).toMatch(/256,\n\s+\{\},/);
    expect(files.get(`${plan.name}/__init__.py`)).toContain('"compiler_options",');
  });

  test("of a bucket of several schedules are those of each, also before one is chosen", () => {
    const [row] = matrixRows(schedules);
    if (row === undefined) throw new Error("no row");
    const { spec } = callOf(row, 0, schedules);
    const compilerOptions = { [OPTION]: { value: false, because: WHY } };
    const several = { kind: "auto", tiles: { decode: { upTo: 64, compilerOptions } } } as const;
    const { schedule } = memberSpec(spec, several, "gather", schedules.gather);
    expect(schedule.tiles.decode?.compilerOptions).toEqual(compilerOptions);
  });

  test("of some kinds of layers are one answer for the program of all", async () => {
    const kinds = `{ a: { at: [0], layer, schedule: ${optioned("true")} }, b: { at: [1], layer } }`;
    const found = await checkText(layersText(kinds), undefined, {}, registries);
    expect(found.diagnostics).toEqual([]);
    const files = await emitLayers({ name: "small", kinds: found.kinds ?? [] });
    const module = files.get("small/layers.py") ?? "";
    expect(module).toContain(
      "for kind in (a,):\n        options |= kind.compiler_options(num_tokens)",
    );
    expect(files.get("small/__init__.py")).toContain('"compiler_options",');
  });

  test("leave no trace where no bucket has any", async () => {
    const { plan } = await checkText(tiles(""), undefined, undefined, registries);
    if (plan === undefined) throw new Error("no plan");
    const files = await emitPackage(plan);
    const traces = [...files].filter((file) => file.join().includes("compiler_options"));
    expect(traces).toEqual([]);
  });

  test.each([
    ["an option that names a file", '⟦xla_dump_to⟧: { value: true, because: "w" }', "MOE190"],
    ["text as a value", `${OPTION}: { value: ⟦"/etc"⟧ as never, because: "w" }`, "MOE102"],
    ["part of a number", `${OPTION}: { value: ⟦0.5⟧, because: "w" }`, "MOE102"],
    ["no reason", `${OPTION}: { value: true, because: ⟦" "⟧ }`, "MOE102"],
    ["a reason that ends its line", `${OPTION}: { value: true, because: ⟦"a\\nb"⟧ }`, "MOE102"],
    [
      "a word without an end",
      `${OPTION}: { value: true, because: ⟦"${"w".repeat(81)}"⟧ }`,
      "MOE102",
    ],
    [
      "a name without an end",
      `⟦xla_tpu_${"n".repeat(80)}⟧: { value: true, because: "w" }`,
      "MOE190",
    ],
    ["a value alone", `${OPTION}: ⟦false⟧ as never`, "MOE102"],
  ] as const)("%s is refused where it stands", async (_, option, code) => {
    const { found, place, plan } = await checkText(tiles(option), code);
    expect(found).toMatchObject(place);
    expect(plan).toBeUndefined();
  });
});
