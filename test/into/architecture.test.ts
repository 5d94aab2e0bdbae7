/** A spec says whose layer it is, and a tree that has no such model is not built into. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { architectureOf } from "../../src/dsl/brand.ts";
import { type HuggingFaceConfig, moe } from "../../src/index.ts";
import { adaptSpec } from "../../src/into/adapt.ts";
import { IntoError } from "../../src/into/errors.ts";
import type { LayerSpec } from "../../src/spec/layer.ts";
import { withForms } from "../../src/target/tree/forms.ts";
import { trees } from "../../src/target/tree/registry.ts";
import { root } from "../cli/moegen.ts";

const head = withForms(
  trees.head,
  (trees.head.surfaces ?? []).flatMap(({ forms: [first] }) => [first]),
);

const read = (name: string): HuggingFaceConfig =>
  JSON.parse(
    readFileSync(join(root, "examples/configs", `${name}.json`), "utf8"),
  ) as HuggingFaceConfig;

const spec = (layer: LayerSpec, architecture?: string) =>
  moe({
    name: "one",
    ...(architecture === undefined ? {} : { architecture }),
    layer,
    mesh: { ep: 4 },
    devices: ["v7x"],
    schedule: { kind: "gather", tiles: { all: { upTo: 64, bt: 16, bf: 128, bd: 256 } } },
  });

/** Why it is refused; nothing: it is not. */
function refused(...given: Parameters<typeof spec>): string | undefined {
  try {
    adaptSpec(head, spec(...given), "one.moe.ts");
    return undefined;
  } catch (error) {
    if (error instanceof IntoError && error.code === "refused-spec") return error.message;
    throw error;
  }
}

describe("the architecture of a spec", () => {
  const mixtral = moe.fromHuggingFace(read("mixtral-8x7b"));

  test("is the config's where the layer was read from one, and what the spec says before that", () => {
    expect(architectureOf(spec(mixtral))).toBe("MixtralForCausalLM");
    expect(architectureOf(spec(mixtral, "Own"))).toBe("Own");
    expect(architectureOf(spec({ ...mixtral }))).toBeUndefined();
    const nested = { architectures: ["Whole"], text_config: { ...read("mixtral-8x7b") } };
    expect(architectureOf(spec(moe.fromHuggingFace(nested)))).toBe("Whole");
  });

  test("that no model of the tree has is refused, with those that there are", () => {
    const message = refused(mixtral) ?? "";
    expect(message).toContain("architecture: ");
    expect(message).toContain("MixtralForCausalLM");
    expect(message).toContain("Qwen3MoeForCausalLM, ");
  });

  test("that a model has, and a layer that is nobody's, are built", () => {
    expect(refused(moe.fromHuggingFace(read("qwen3-30b-a3b")))).toBeUndefined();
    expect(refused({ ...mixtral })).toBeUndefined();
    expect(refused(mixtral, "Qwen3MoeForCausalLM")).toBeUndefined();
  });
});
