/**
 * Files beside a config that say how its checkpoint is quantised. A spec imports its config alone, so
 * that nothing but its folder can tell: where the spec does not say what the weights are, it is asked.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { layerOrigin } from "../dsl/brand.ts";
import type { LoadedSpec } from "../dsl/load.ts";
import { QUANTIZATION_FILES } from "../model/quantization.ts";
import type { Finding } from "./diagnostic.ts";

/** Of a config at `path`: files by their own names, or with the config's before them. */
export function quantizationBeside(path: string): readonly string[] {
  const folder = dirname(path);
  const stem = basename(path).replace(/\.json$/, "");
  return QUANTIZATION_FILES.flatMap((name) => [name, `${stem}_${name}`, `${stem}-${name}`])
    .map((name) => join(folder, name))
    .filter((file) => file !== path && existsSync(file));
}

/** JSON files that a spec names by a path from its own folder. */
function jsonNamed(text: string): readonly string[] {
  return [...text.matchAll(/["'`](\.{1,2}\/[^"'`\n]+\.json)["'`]/g)].map(([, path = ""]) => path);
}

/** One for each file beside a config of the spec that the spec does not answer for. */
export function unreadBeside({ path, text, spec }: LoadedSpec): readonly Finding[] {
  if (layerOrigin(spec.layer)?.askBeside !== true) return [];
  const folder = dirname(path);
  const found = new Map<string, string>();
  for (const config of jsonNamed(text)) {
    for (const file of quantizationBeside(join(folder, config))) {
      if (!found.has(file)) found.set(file, config);
    }
  }
  return [...found].map(([file, config]) => ({
    code: "MOE306",
    severity: "error",
    path: ["layer"],
    message: `${basename(file)} lies beside ${config}, and the spec does not say what it is for`,
    detail: basename(file),
    nearest: ["moe.fromHuggingFace(config, { quantConfig })", 'quantization: "none"'],
    note: "import it as quantConfig, or say what the weights are with quantization",
  }));
}
