/** A browser for the test of the report page: one that is there, else Debian's where it may be installed. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ensurePackage } from "./apt.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * MOEGEN_CHROMIUM, or the first Chromium in PATH.
 * @returns {string | undefined}
 */
export function findBrowser() {
  const chosen = process.env.MOEGEN_CHROMIUM;
  if (chosen) return chosen;
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) =>
    existsSync(path),
  );
}

/** Installs Chromium where there is none and that may be done; says so where it may not. */
export async function ensureBrowser() {
  if (findBrowser() !== undefined) return;
  await ensurePackage("chromium", "the report page is not tested in a browser");
}
