/** Specs with the offending literal between ⟦ and ⟧, so that a test says where it points. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPath, type FileResult } from "../../src/check/check.ts";
import type { Diagnostic } from "../../src/check/diagnostic.ts";
import type { Place } from "../../src/check/locate.ts";
import type { Registries } from "../../src/lower/lower.ts";
import { fakes } from "./fake-schedule.ts";

export interface Marked extends FileResult {
  /** Where the marks were. */
  readonly place: Place;
  readonly found: Diagnostic | undefined;
}

export function marks(marked: string): { readonly text: string; readonly place: Place } {
  const before = marked.split("⟦")[0] ?? "";
  const inside = marked.split("⟦")[1]?.split("⟧")[0] ?? " ";
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  const endColumn = column + (inside.split("\n")[0]?.length ?? 1);
  return { text: marked.replace(/[⟦⟧]/g, ""), place: { line, column, endColumn } };
}

/** Writes, loads and checks a spec with the fake schedule; `config` becomes ./config.json. */
export async function checkText(
  marked: string,
  code?: Diagnostic["code"],
  config?: unknown,
  using: Registries = fakes,
): Promise<Marked> {
  const { text, place } = marks(marked);
  const folder = await mkdtemp(join(tmpdir(), "moegen-check-"));
  try {
    const path = join(folder, "spec.moe.ts");
    await writeFile(path, text);
    if (config !== undefined) await writeFile(join(folder, "config.json"), JSON.stringify(config));
    const result = await checkPath(path, using);
    const found = result.diagnostics.find((diagnostic) => diagnostic.code === code);
    return { ...result, place, found };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface Parts {
  readonly name?: string;
  readonly layer?: string;
  readonly mesh?: string;
  readonly devices?: string;
  readonly tiles?: string;
  readonly more?: string;
}

export const LAYER = `{
    experts: 128,
    topK: 8,
    hidden: 2048,
    intermediate: 768,
    activation: "silu",
    routing: { where: "kernel", scoring: "softmax", renormalize: true },
  }`;

export const BUCKET = "{ upTo: 256, bt: 64, bf: 768, bd: 2048 }";

/** A sound spec but for the parts given. */
export function specText(parts: Parts = {}): string {
  return `import { auto, choices, moe } from "moegen";

export default moe({
  name: ${parts.name ?? '"small"'},
  layer: ${parts.layer ?? LAYER},
  mesh: ${parts.mesh ?? "{ ep: 4 }"},
  devices: ${parts.devices ?? '["v6e"]'},
  schedule: { kind: "gather", tiles: ${parts.tiles ?? `{ decode: ${BUCKET} }`} },
${parts.more ?? ""}});
`;
}

/** A spec whose layer comes from ./config.json. */
export const published = (config: string, overrides = ""): string =>
  `import config from "./config.json" with { type: "json" };\n${specText({
    layer: `⟦moe.fromHuggingFace(${config}${overrides})⟧`,
  })}`;

/** A config that is read without a finding. */
export const QWEN = {
  architectures: ["Qwen2MoeForCausalLM"],
  num_experts: 64,
  num_experts_per_tok: 8,
  hidden_size: 2048,
  moe_intermediate_size: 1408,
  torch_dtype: "bfloat16",
};
