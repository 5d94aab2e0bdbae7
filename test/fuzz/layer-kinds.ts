/** Specs of several kinds of layers: legal ones around layers that differ in a field, or in most. */
import fc from "fast-check";
import type { LayerInput, LayersInput, MoeInput } from "../../src/index.ts";
import { layersFor } from "./layer.ts";
import { legalSpecs, specsFor } from "./legal.ts";

/** A kind beside the first: of another layer with its rows, or of its own with ids that are given. */
function beside(first: MoeInput): fc.Arbitrary<MoeInput> {
  const { mesh, layer } = first;
  const { hidden, dtype } = layer;
  const given: LayerInput = { ...(layer as LayerInput), routing: { where: "given" } };
  const other = layersFor(mesh.ep).map(
    (made): LayerInput => ({ ...made, hidden, ...(dtype === undefined ? {} : { dtype }) }),
  );
  return fc
    .oneof({ weight: 2, arbitrary: fc.constant(given) }, { weight: 1, arbitrary: other })
    .chain((made) => specsFor(mesh.ep, made));
}

/** One kind takes every `step`-th layer, the other some of those that are left. */
const indices = fc.record({
  step: fc.integer({ min: 2, max: 4 }),
  more: fc.integer({ min: 0, max: 5 }),
});

export const specsOfLayers: fc.Arbitrary<LayersInput> = legalSpecs.chain((first) =>
  fc
    .record({ second: beside(first), at: indices, shared: fc.boolean() })
    .map(({ second, at: { step, more }, shared }): LayersInput => {
      const { layer, schedule, ...common } = first;
      return {
        ...common,
        ...(shared ? { schedule } : {}),
        layers: {
          even: {
            at: { from: 0, to: step * 3, step },
            layer,
            ...(shared ? {} : { schedule }),
          },
          others: { at: [1, step * 3 + 1 + more], layer: second.layer, schedule: second.schedule },
        },
      };
    }),
);
