/** The compiler's layout, as moegen computes it, against what published kernels fit and do not fit. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { devices } from "../../src/target/device/registry.ts";
import { declaredVmem, type PublishedTiles } from "./kernels.ts";
import refusals from "./refusals.json" with { type: "json" };

const MiB = 2 ** 20;
/** `vmem_limit_bytes` of each kernel. */
const LIMITS = { sgl_fused_moe_v1: 96, sgl_fused_moe_v2: 64, tpu_inference_fused_moe_v1: 100 };

const entries = readFileSync(new URL("tuned-tiles.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as PublishedTiles);

function limitOf({ kernel, device }: PublishedTiles): number {
  const limit = LIMITS[kernel] * MiB;
  // A table for all kinds has entries for the largest VMEM.
  return Math.min(limit, devices[device ?? "v6e"].vmemBytes);
}

const nameOf = ({ kernel, device, tokens, E, D, ep, bt, bf }: PublishedTiles): string =>
  `${kernel} ${device ?? "any"} T ${tokens} E ${E} D ${D} ep ${ep} bt ${bt} bf ${bf}`;

describe("published tile tables", () => {
  test("are all here", () => {
    expect(entries).toHaveLength(243);
    expect(new Set(entries.map(({ kernel }) => kernel))).toEqual(new Set(Object.keys(LIMITS)));
  });

  test.each(Object.keys(LIMITS))("every entry of %s fits the kernel it was tuned for", (kernel) => {
    const tooLarge = entries
      .filter((tiles) => tiles.kernel === kernel && declaredVmem(tiles, false) > limitOf(tiles))
      .map((tiles) => `${nameOf(tiles)}: ${(declaredVmem(tiles, false) / MiB).toFixed(1)} MiB`);
    expect(tooLarge).toEqual([]);
  });

  test("three do not fit the kernel as it has become: its shared expert got sums of its own", () => {
    const outgrown = entries.filter((tiles) => declaredVmem(tiles) > limitOf(tiles));
    expect(outgrown.map(nameOf)).toEqual([
      "sgl_fused_moe_v1 v7x T 2048 E 256 D 8192 ep 32 bt 64 bf 1024",
      "sgl_fused_moe_v1 v7x T 4096 E 256 D 8192 ep 32 bt 128 bf 1024",
      "sgl_fused_moe_v1 v7x T 2048 E 256 D 8192 ep 32 bt 64 bf 1024",
    ]);
  });

  test("come near the limits, so that a layout that pads too much would be seen", () => {
    const most = Math.max(...entries.map((tiles) => declaredVmem(tiles, false) / limitOf(tiles)));
    expect(most).toBeGreaterThan(0.95);
  });
});

const declaredMiB = (tiles: unknown): number => declaredVmem(tiles as PublishedTiles) / MiB;

test.each(refusals)("$source: $neededMiB MiB, within 5 %", ({ tiles, neededMiB }) => {
  expect(Math.abs(declaredMiB(tiles) / neededMiB - 1)).toBeLessThan(0.05);
});

// One is refused by less than what the compiler adds to that kernel's scratch, 1 MiB.
test.each(refusals.filter(({ limitMiB, neededMiB }) => neededMiB - limitMiB > 1))(
  "$source: $neededMiB MiB are refused by scratch alone",
  ({ tiles, limitMiB }) => {
    expect(declaredMiB(tiles)).toBeGreaterThan(limitMiB);
  },
);
