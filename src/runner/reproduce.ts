/** The line that runs one failed case again, alone. */
import { relative } from "node:path";
import type { ValidateOptions } from "./types.ts";

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * The command for a shell, its path relative where the spec lies below the working directory; with
 * `order` it runs in that order alone.
 */
export function reproduceLine(
  specPath: string,
  name: string,
  seed: number,
  options: ValidateOptions,
  order?: { readonly seed: number },
): string {
  const near = relative(process.cwd(), specPath);
  const path = near.startsWith("..") ? specPath : near;
  const words = ["moegen", "validate", quote(path), "--case", name, "--seed", String(seed)];
  if (options.kind !== undefined) words.push("--kind", options.kind.kind);
  if (options.ep !== undefined) words.push("--ep", String(options.ep));
  if (options.tokens !== undefined) words.push("--tokens", options.tokens.join(","));
  if (options.fullSize) words.push("--full-size");
  if (order !== undefined) words.push("--jitter", String(order.seed), "--orders", "1");
  return words.join(" ");
}
