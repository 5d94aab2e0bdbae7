import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { chooseWinners } from "../../src/sweep/winners.ts";
import { withTiles, writeTiles } from "../../src/sweep/write.ts";
import { emptyFolder } from "../cli/moegen.ts";
import { measured } from "./records.ts";

const LAYER = `{
    experts: 128, topK: 8, hidden: 2048, intermediate: 768, activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  }`;

const TEXT = `import { auto, choices, moe } from "moegen";

const shared = 64; // rows of a small tile
export default moe({
  name: "qwen3_30b_a3b",
  layer: ${LAYER},
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: {
    kind: "gather",
    tiles: {
      // decode: few rows an expert
      decode: { upTo: 256, bt: shared, btc: [16, 64], bf: choices(384, 768) /* try both */, bd: auto },
      "prefill": {
        upTo: 2048,
        bt:   128,     bf: 768,
        bd: 2048,
      },
    },
  },
});
`;

async function specOf(text: string) {
  const path = join(emptyFolder(), "a.moe.ts");
  writeFileSync(path, text);
  return { path, loaded: await loadSpec(path) };
}

const winners = chooseWinners([
  measured(100, { bt: 32 }),
  measured(100, { bucket: "prefill", bt: 128 }),
]).winners;

describe("--write", () => {
  it("replaces the numbers alone: comments, blanks and names stay", async () => {
    const { path, loaded } = await specOf(TEXT);
    expect(await writeTiles(loaded, winners)).toBe(true);
    const expected = TEXT.replace("bt: shared, btc: [16, 64]", "bt: 32, btc: [16, 32]")
      .replace("choices(384, 768)", "768")
      .replace("bd: auto", "bd: 2048");
    expect(readFileSync(path, "utf8")).toBe(expected);
    expect(readdirSync(dirname(path))).toEqual(["a.moe.ts"]);
    // Once more: nothing to do.
    expect(await writeTiles(await loadSpec(path), winners)).toBe(false);
  });

  it("drops times that were predicted for the tiles that it replaces", async () => {
    const times = (bd: number, to: string): string =>
      TEXT.replace("bd: auto", `bd: ${bd}, predicted: ${to}`).replace(
        "bd: 2048,\n",
        "bd: 2048, predicted: { v6e: { fused: 1, epmoe: 2 } },\n",
      );
    const { path, loaded } = await specOf(times(1024, "{ v6e: { fused: 1, epmoe: 2 } }"));
    expect(await writeTiles(loaded, winners)).toBe(true);
    expect(readFileSync(path, "utf8")).toBe(
      times(2048, "{}")
        .replace("bt: shared, btc: [16, 64]", "bt: 32, btc: [16, 32]")
        .replace("choices(384, 768)", "768"),
    );
  });

  it("writes nothing into a spec that was edited during the sweep", async () => {
    const { path, loaded } = await specOf(TEXT);
    const edited = TEXT.replace("few rows", "hardly any rows");
    writeFileSync(path, edited);
    await expect(writeTiles(loaded, winners)).rejects.toThrow(/was edited during the sweep/);
    expect(readFileSync(path, "utf8")).toBe(edited);
    expect(readdirSync(dirname(path))).toEqual(["a.moe.ts"]);
  });

  it("writes nothing that would not check", async () => {
    const { path, loaded } = await specOf(TEXT);
    const wrong = chooseWinners([measured(100, { bf: 500 })]).winners;
    await expect(writeTiles(loaded, wrong)).rejects.toThrow(/would not check: bf = 500/);
    expect(readFileSync(path, "utf8")).toBe(TEXT);
  });

  it("says where tiles are not written in the spec itself", async () => {
    const text = TEXT.replace("tiles: {", "tiles: Object.assign({").replace(
      "      },\n    },\n  },",
      "      },\n    }),\n  },",
    );
    const { loaded } = await specOf(text);
    await expect(withTiles(loaded, winners)).rejects.toThrow(/bt of decode is not written in/);
  });

  it("puts tiles of several schedules under each one's name, and asks for new times", async () => {
    const several = TEXT.replace('kind: "gather"', 'kind: "auto"').replace(
      /decode: \{.*\},\n/,
      "decode: { upTo: 256, predicted: { v6e: { gather: 10 } } },\n",
    );
    const text = several.replace(
      /"prefill": \{[^}]*\}/,
      "prefill: { upTo: 2048, gather: { bt: auto, slots: 3 } /* rows */ }",
    );
    const { path, loaded } = await specOf(text);
    const of = winners.map((winner) => ({ ...winner, schedule: "gather" }));
    expect(await writeTiles(loaded, of)).toBe(true);
    const tiles = "bf: 768, bt: ";
    const written = readFileSync(path, "utf8");
    expect(written).toContain(
      `decode: { upTo: 256, predicted: {}, gather: { bd: 2048, ${tiles}32 } },`,
    );
    expect(written).toContain(
      "prefill: { upTo: 2048, gather: { bt: 128, slots: 3, bd: 2048, bf: 768 } /* rows */ }",
    );
    expect(await writeTiles(await loadSpec(path), of)).toBe(false);
  });
});
