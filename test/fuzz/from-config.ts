/** A layer that a spec reads from a published `config.json`. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";

const FOLDER = fileURLToPath(new URL("../../examples/configs/", import.meta.url));

export class FromConfig {
  readonly config: unknown;
  readonly overrides: unknown;

  constructor(config: unknown, overrides: unknown) {
    this.config = config;
    this.overrides = overrides;
  }

  /** As the spec says it. */
  [fc.toStringMethod](): string {
    const rest = this.overrides === undefined ? "" : `, ${fc.stringify(this.overrides)}`;
    return `moe.fromHuggingFace(${fc.stringify(this.config)} as never${rest} as never)`;
  }
}

/** The configs of the examples. */
export const configs: readonly unknown[] = readdirSync(FOLDER)
  .sort()
  .map((name) => JSON.parse(readFileSync(`${FOLDER}${name}`, "utf8")));
