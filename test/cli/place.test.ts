/** Which machine of a cluster times finalists. */
import { expect, it } from "vitest";
import { timingNode } from "../../src/cli/sweep/place.ts";
import { devicesAChip } from "../../src/target/device/facts.ts";
import { devices } from "../../src/target/device/registry.ts";

const node = (TPU: number, kind?: string) => ({
  ...{ id: `${kind}${TPU}`, host: "a", cpus: 1 },
  resources: {
    CPU: 1,
    ...(TPU > 0 && { TPU }),
    ...(kind && { [`accelerator_type:TPU-${kind}`]: 1 }),
  },
});

it("counts devices, of which a chip of v7x shows two", () => {
  const found = Object.values(devices).map((facts) => [facts.name, devicesAChip(facts)]);
  expect(Object.fromEntries(found)).toEqual({ v5e: 1, v5p: 1, v6e: 1, v7x: 2 });
  const nodes = [node(0), node(8), node(4)];
  expect(timingNode(nodes, { ep: 8, swept: ["v7x"] })?.resources.TPU).toBe(4);
  expect(timingNode(nodes, { ep: 8, swept: ["v6e"] })?.resources.TPU).toBe(8);
  expect(timingNode(nodes, { ep: 32, swept: ["v7x"] })).toBeUndefined();
});

it("believes what Ray says of a machine's kind", () => {
  const nodes = [node(4, "V6E"), node(8, "V7X")];
  expect(timingNode(nodes, { ep: 8, swept: ["v6e", "v7x"] })?.id).toBe("V7X8");
  expect(timingNode(nodes, { ep: 4, swept: ["v6e", "v7x"] })?.id).toBe("V6E4");
});
