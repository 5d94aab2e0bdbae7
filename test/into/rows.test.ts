/** Rows of 8 bits are sent by no tree's own layers, and multiplied by those of the newest alone. */
import { expect, test } from "vitest";
import { moe } from "../../src/index.ts";
import { adaptSpec } from "../../src/into/adapt.ts";
import { trees } from "../../src/target/tree/registry.ts";

const spec = moe({
  name: "eight_bits",
  layer: {
    experts: 8,
    topK: 2,
    hidden: 256,
    intermediate: 256,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  },
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 32, bf: 256, bd: 256 } } },
});

test.each(Object.values(trees))("$title refuses rows of 8 bits", (tree) => {
  const { layer } = spec;
  const weights = { weights: "int8", granularity: "per_channel", scales: "float32" } as const;
  const wired = { ...spec, layer: { ...layer, wire: { dispatch: "int8" } as const } };
  const quantization = { ...weights, activations: "int8" } as const;
  const activated = { ...spec, layer: { ...layer, quantization } };
  expect(() => adaptSpec(tree, wired, "a.moe.ts")).toThrow(/layer\.wire: .*no rows of 8 bits/);
  const adapted = () => adaptSpec(tree, activated, "a.moe.ts").kernel.layer.quantization;
  if (tree.surface.eightBitActivations) expect(adapted()?.activations).toBe("int8");
  else expect(adapted).toThrow(/layer\.quantization\.activations/);
  expect(adaptSpec(tree, spec, "a.moe.ts").plan.kernels).toHaveLength(1);
});
