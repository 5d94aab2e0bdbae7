/** Any spec, and its text: legal, nearly legal, of several kinds of layers, from a config, and wild. */
import fc from "fast-check";
import { edited, edits } from "./edits.ts";
import { configs, FromConfig } from "./from-config.ts";
import { specsOfAllKinds } from "./kinds.ts";
import { specsOfLayers } from "./layer-kinds.ts";
import { legalSpecs } from "./legal.ts";
import { wildSpecs } from "./wild.ts";

/** A legal spec around a published layer; its tiles are chosen, since sizes are the config's. */
const publishedSpecs = fc
  .record({
    spec: legalSpecs,
    config: fc.constantFrom(...configs),
    outside: fc.boolean(),
    upTo: fc.integer({ min: 1, max: 9000 }),
  })
  .map(({ spec, config, outside, upTo }) => {
    const auto = { kind: "auto" };
    const layer = new FromConfig(config, outside ? { sharedExperts: "outside" } : undefined);
    const tiles = { all: { upTo, bt: auto, bf: auto, bd: auto } };
    return { ...spec, layer, schedule: { ...spec.schedule, tiles } };
  });

const editedSpecs = fc
  .tuple(fc.oneof(specsOfAllKinds, publishedSpecs), edits)
  .map(([spec, list]) => edited(spec, list));

export const anySpecs: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: specsOfAllKinds },
  { weight: 1, arbitrary: publishedSpecs },
  { weight: 4, arbitrary: editedSpecs },
  { weight: 1, arbitrary: specsOfLayers },
  { weight: 1, arbitrary: specsOfLayers.chain((spec) => edits.map((list) => edited(spec, list))) },
  { weight: 1, arbitrary: wildSpecs },
);

/** The spec file that says so. */
export function textOf(input: unknown): string {
  return `import { moe } from "moegen";\n\nexport default moe(${fc.stringify(input)} as never);\n`;
}
