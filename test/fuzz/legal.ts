/** Specs as a user writes them, most of them legal: plain data for `moe()`. */
import fc from "fast-check";
import { auto, type BucketInput, type LayerInput, type MoeInput } from "../../src/index.ts";
import { deviceNames } from "../../src/target/device/registry.ts";
import { layersFor } from "./layer.ts";

const identifier = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom("_", "a", "m", "Z", "i8"),
      fc.string({
        unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCXYZ0123456789__"),
        maxLength: maxLength - 2,
        size: "max",
      }),
    )
    .map((parts) => parts.join(""));

/** Tiles that cut an axis evenly; all of it half of the time. */
function tilesOf(size: number): fc.Arbitrary<number> {
  const multiple = size % 128 === 0 ? 128 : 16;
  const cuts = Array.from({ length: size / multiple }, (_, i) => (i + 1) * multiple);
  const even = cuts.filter((tile) => size % tile === 0);
  return fc.oneof(fc.constant(size), fc.constantFrom(size, ...even));
}

function bucketsFor({ hidden, intermediate }: LayerInput): fc.Arbitrary<Omit<BucketInput, "upTo">> {
  return fc
    .record({
      rows: fc.constantFrom(1, 2, 3, 4, 8, 16),
      bodies: fc.integer({ min: 1, max: 4 }),
      bf: tilesOf(intermediate),
      bd: tilesOf(hidden),
      automatic: fc.boolean(),
      slots: fc.constantFrom(undefined, 2 as const, 3 as const, 4 as const),
      predicted: fc.constantFrom(undefined, { v6e: { fused: 123.4, epmoe: 200 } }),
    })
    .map(({ rows, bodies, bf, bd, automatic, slots, predicted }) => {
      const less = Array.from({ length: bodies - 1 }, (_, i) => 16 * (i + 1));
      const [first = rows * 16, ...others] = [...less, rows * 16];
      return {
        bt: automatic ? auto : rows * 16,
        bf: automatic ? auto : bf,
        bd: automatic ? auto : bd,
        ...(slots === undefined ? {} : { slots }),
        ...(automatic || bodies > rows ? {} : { btc: [first, ...others] as const }),
        ...(predicted === undefined ? {} : { predicted }),
      };
    });
}

const axes = fc
  .record({ axes: fc.uniqueArray(identifier(24), { minLength: 1, maxLength: 4 }), kept: fc.nat(4) })
  .map(({ axes: [first = "x", ...others], kept }) => {
    const all = [first, ...others] as const;
    // From either end, so that tokens keep the experts' order of axes, or do not.
    const tokens = { tokenAxes: all.slice(kept % 2 === 0 ? 1 : 0, kept) };
    return { axes: all, ...(kept === 0 ? {} : tokens) };
  });

/** Specs around a layer that is for `ep` devices. */
export function specsFor(ep: number, layer: LayerInput): fc.Arbitrary<MoeInput> {
  const counts = fc.uniqueArray(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 3 });
  const buckets = fc.array(bucketsFor(layer), { minLength: 3, maxLength: 3 });
  const tiles = fc.tuple(counts, buckets).map(([upTos, made]) => {
    const ascending = [...upTos].sort((a, b) => a - b);
    return Object.fromEntries(
      ascending.flatMap((upTo, i) => {
        const bucket = made[i];
        return bucket === undefined ? [] : [[`to_${upTo}`, { upTo, ...bucket }]];
      }),
    );
  });
  return fc
    .record({
      name: identifier(60),
      source: fc.constantFrom(
        undefined,
        "https://example.org/config.json",
        `a "card" \\ ${"x".repeat(120)}`,
      ),
      mesh: axes.map((named) => ({ ep, ...named })),
      devices: fc
        .uniqueArray(fc.constantFrom(...deviceNames), { minLength: 1, maxLength: 4 })
        .map(([first = "v6e" as const, ...others]) => [first, ...others] as const),
      tiles,
      emit: fc.record({ reference: fc.boolean() }),
    })
    .map(({ source, tiles: made, ...rest }) => ({
      ...rest,
      ...(source === undefined ? {} : { source }),
      layer,
      schedule: { kind: "gather" as const, tiles: made },
    }));
}

const devicesInAll = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(1, 2, 4, 8) },
  { weight: 1, arbitrary: fc.constantFrom(3, 6, 16, 32, 64, 128) },
);

/** Of these about half pass every rule. */
export const legalSpecs: fc.Arbitrary<MoeInput> = devicesInAll.chain((ep) =>
  layersFor(ep).chain((layer) => specsFor(ep, layer)),
);
