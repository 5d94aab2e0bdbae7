/** The kinds of layers that a config has, where its layers with experts are not all read alike. */
import { layerOrigin } from "../../dsl/brand.ts";
import type { LayerOverrides } from "../../dsl/input.ts";
import { moe } from "../../index.ts";
import type { HuggingFaceConfig } from "../../model/config.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { indicesWritten } from "../../spec/layers.ts";

export interface ReadKind {
  /** Its layers, ascending: it is read at the first. */
  readonly at: readonly number[];
  readonly layer: LayerSpec;
}

/** Each kind, by its first layer; fewer than two: the layers are alike, or how many there are is not known. */
export function kindsIn(config: HuggingFaceConfig, overrides: LayerOverrides): readonly ReadKind[] {
  const kinds: ReadKind[] = [];
  const { sparse = [] } = layerOrigin(moe.fromHuggingFace(config, overrides)) ?? {};
  const left = new Set(sparse);
  for (const [at] of left.entries()) {
    const layer = moe.fromHuggingFace(config, { ...overrides, at });
    const { alike = [] } = layerOrigin(layer) ?? {};
    for (const index of alike) left.delete(index);
    kinds.push({ at: alike, layer });
  }
  return kinds;
}

/** As a starter has them: a kind is named for its first layer. `more`: what else is read otherwise. */
export function kindsText(kinds: readonly ReadKind[], more: readonly string[]): string {
  const each = kinds.map(({ at }) => {
    const first = at[0] ?? 0;
    const read = `moe.fromHuggingFace(config, { ${[`at: ${first}`, ...more].join(", ")} })`;
    return `    from_${first}: { at: ${indicesWritten(at)}, layer: ${read} },\n`;
  });
  return `  layers: {\n${each.join("")}  },\n`;
}
