import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { writePredictions } from "../../src/predict/write.ts";
import { emptyFolder, moegen } from "../cli/moegen.ts";

const TEXT = `import { moe } from "moegen";

export default moe({
  name: "tiny",
  layer: {
    experts: 8, topK: 2, hidden: 256, intermediate: 256, activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4 },
  devices: ["v6e", "v7x"],
  schedule: {
    kind: "gather",
    tiles: {
      decode: { upTo: 64, bt: 16, bf: 256, bd: 256 }, // few rows
      prefill: {
        upTo: 512,
        bt: 64,
        bf: 256,
        bd: 256, // whole
      },
    },
  },
});
`;

function fileOf(text: string): string {
  const path = join(emptyFolder(), "tiny.moe.ts");
  writeFileSync(path, text);
  return path;
}

describe("predict --write", () => {
  it("adds times beside the tiles, replaces them later, and changes nothing else", async () => {
    const path = fileOf(TEXT);
    const loaded = await loadSpec(path);
    const calls = [
      { bucket: "decode", device: "v6e", times: { fused: 10.0512, epmoe: 67.3 } },
      { bucket: "decode", device: "v7x", times: { fused: 9.53, epmoe: 66.649 } },
      { bucket: "prefill", device: "v6e", times: { fused: 1234.5, epmoe: 80 } },
    ] as const;
    expect(await writePredictions(loaded, calls)).toBe(true);
    const written = await loadSpec(path);
    expect(written.text).toBe(
      TEXT.replace(
        "bd: 256 }",
        "bd: 256, predicted: { v6e: { fused: 10.1, epmoe: 67.3 }, v7x: { fused: 9.53, epmoe: 66.6 } } }",
      ).replace(
        "// whole\n",
        "// whole\n        predicted: { v6e: { fused: 1230, epmoe: 80 } },\n",
      ),
    );
    expect(await writePredictions(written, calls)).toBe(false);
    expect(
      await writePredictions(written, [{ ...calls[2], times: { fused: 99, epmoe: 80 } }]),
    ).toBe(true);
    expect((await loadSpec(path)).text).toBe(written.text.replace("1230", "99"));
  });

  it("says where buckets are not written in the spec itself", async () => {
    const loaded = await loadSpec(
      fileOf(
        TEXT.replace("tiles: {", "tiles: Object.assign({").replace("    },\n  },", "    }),\n  },"),
      ),
    );
    const calls = [{ bucket: "decode", device: "v6e", times: { fused: 1, epmoe: 2 } }] as const;
    await expect(writePredictions(loaded, calls)).rejects.toThrow(
      /decode is not written in .* itself; set its predicted to \{ v6e: \{ fused: 1, epmoe: 2 \} \}/,
    );
  });

  it.each([
    ["--device", "v6e"],
    ["--tokens", "64"],
    ["--compare", "epmoe"],
  ])("takes no %s", async (...option) => {
    const ran = await moegen(["predict", fileOf(TEXT), "--write", ...option]);
    expect([ran.code, ran.stderr]).toEqual([64, expect.stringContaining("--write takes no")]);
  });
});
