/** The published models that ship with moegen. */
import { join } from "node:path";
import { namesIn } from "../files.ts";
import { packageRoot } from "../package.ts";

export const EXAMPLES = join(packageRoot, "examples");
export const SUFFIX = ".moe.ts";

/** Every example is a published model: adding one there is all it takes. */
export function publishedModels(): readonly string[] {
  return namesIn(EXAMPLES)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length));
}
