/** Facts about this copy of the package. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's folder: `src/cli` and `dist/cli` are equally deep. */
export const packageRoot = fileURLToPath(new URL("../../", import.meta.url));

/** `version` of package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
