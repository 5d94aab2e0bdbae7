/** Debian packages that single tests need, installed where that may be done. */
import { spawnSync } from "node:child_process";
import { run, say } from "./report.mjs";

/** Only root may install packages, and only where apt-get does that. */
const mayInstall = () =>
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0;

/**
 * Says what it does; a machine without the package runs all other tests.
 * @param {string} name
 * @param {string} untested what is not tested without it
 */
export async function ensurePackage(name, untested) {
  if (!mayInstall()) {
    say(`no ${name} here: ${untested} (apt-get install ${name})`);
    return;
  }
  say(`installing ${name} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-q"], { env, stdio: "ignore" });
  const packages = ["install", "-y", "-q", "--no-install-recommends", name];
  const code = await run("apt-get", packages, { env, stdio: "ignore" });
  if (code !== 0) say(`apt-get could not install ${name}: ${untested}`);
}
