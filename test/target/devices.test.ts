import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Device } from "../../src/target/device/device.ts";
import { deviceNames, devices } from "../../src/target/device/registry.ts";
import figures from "./published.json" with { type: "json" };

const { source: _, ...published } = figures;

const entries: readonly (readonly [string, Device])[] = Object.entries(devices);

test("a device is one file and one entry of the registry", () => {
  const folder = new URL("../../src/target/device/", import.meta.url);
  const files = readdirSync(folder).filter(
    (file) => !["device.ts", "facts.ts", "registry.ts", "timing.ts"].includes(file),
  );
  expect(files.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual([...deviceNames].sort());
  const registry = readFileSync(new URL("registry.ts", folder), "utf8");
  for (const file of files) expect(registry.split(`"./${file}"`)).toHaveLength(2);
});

test.each(entries)("%s is what it says it is", (key, device) => {
  expect(device.name).toBe(key);
  expect(device.vmemBudget).toBeLessThan(device.vmemBytes);
  const sizes = device.topologies.map(({ devices: count }) => count);
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  // The peak is what the matrix units make: rows x columns, a multiply and an add, each cycle
  // (256-wide units: two rows a cycle, see the source of their clock).
  const rows = device.mxu.size === 256 ? 2 : 1;
  const peak = 2 * rows * device.mxu.size ** 2 * device.mxu.count * device.clock;
  expect(Math.abs(peak / device.bf16Flops - 1)).toBeLessThan(0.01);
  for (const figure of [
    "vmemBytes",
    "smemBytes",
    "hbmBytes",
    "hbmBandwidth",
    "bf16Flops",
    "clock",
    "mxu",
    "kind",
    "topologies",
    "ici",
  ]) {
    expect(device.sources, figure).toHaveProperty(figure);
  }
});

test("figures are those published, per JAX device", () => {
  const truth: Readonly<Record<string, Readonly<Record<string, number>>>> = published;
  for (const [key, device] of entries) {
    const perChip = truth[key]?.jax_devices_per_chip ?? 1;
    expect(device.hbmBytes / 2 ** 30).toBe((truth[key]?.HBM_GB ?? 0) / perChip);
    expect(device.vmemBytes / 2 ** 20).toBe(truth[key]?.VMEM_MiB_per_core);
  }
});
