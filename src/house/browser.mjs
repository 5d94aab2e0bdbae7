/** A browser for the test of the report page: one that is there, else Debian's where it may be installed. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run, say } from "./report.mjs";

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

/** Only root may install packages, and only where apt-get does that. */
const mayInstall = () =>
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0;

/** Says what it does; a machine without a browser runs all other tests. */
export async function ensureBrowser() {
  if (findBrowser() !== undefined) return;
  if (!mayInstall()) {
    say("no Chromium here: the report page is not tested in a browser (apt-get install chromium)");
    return;
  }
  say("installing chromium, in which the report page is tested ...");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-q"], { env, stdio: "ignore" });
  const packages = ["install", "-y", "-q", "--no-install-recommends", "chromium"];
  const code = await run("apt-get", packages, { env, stdio: "ignore" });
  if (code !== 0) say("apt-get could not: the report page is not tested in a browser");
}
