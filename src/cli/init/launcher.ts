/** `moegen init --launcher`: files that start a Ray cluster for sweeps, in a folder of their own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { render } from "../../emit/templates.ts";
import { LOCKS } from "../../launcher/launcher.ts";
import { type LauncherName, launchers } from "../../launcher/registry.ts";
import { type DeviceName, deviceNames, deviceOf } from "../../target/device/registry.ts";
import { type Outcome, verdict } from "../command.ts";
import { UsageError } from "../failure.ts";
import { readIfThere, writeAtomically } from "../files.ts";
import type { Output } from "../output.ts";
import { packageRoot, packageVersion } from "../package.ts";

/** What the locks are made for. */
const PYTHON = "3.11";
const USUAL: DeviceName = "v6e";

export interface LauncherOptions {
  readonly launcher: LauncherName;
  readonly device?: readonly DeviceName[];
  /** Gets the launcher's own. */
  readonly folder: string;
  readonly model?: string;
  readonly config?: string;
}

/**
 * Writes the files of a launcher that are not there yet. Throws UsageError for a kind of device whose
 * slices are not known, and where a file is there with another text: none is overwritten.
 */
export function writeLauncher(options: LauncherOptions, out: Output): Outcome {
  const { launcher, folder } = options;
  if (options.model !== undefined || options.config !== undefined) {
    throw new UsageError("--launcher makes no spec: give it without --model and --config");
  }
  const place = join(folder, launcher);
  const files = [...launcherFiles(launcher, deviceFor(options.device))].map(([name, text]) => ({
    path: join(place, name),
    text,
  }));
  const there = files.map(({ path, text }) => ({ path, text, found: readIfThere(path) }));
  const taken = there.filter(({ text, found }) => found !== undefined && found !== text);
  if (taken.length > 0) {
    const names = taken.map(({ path }) => path).join(", ");
    throw new UsageError(
      `${names} exists and is different: launchers overwrite nothing; name another folder with --out`,
    );
  }
  const fresh = there.filter(({ found }) => found === undefined);
  for (const { path, text } of fresh) {
    writeAtomically(path, text);
    out.line(`wrote ${path}`);
  }
  if (fresh.length === 0) out.line(`${place} has all of it already`);
  const { next } = launchers[launcher];
  out.line(`next: ${join(place, "README.md")} says how; in ${place}:`);
  for (const command of next) out.line(`  ${command}`);
  return verdict(true, {
    ...{ launcher, folder: place, files: files.map(({ path }) => path) },
    ...{ written: fresh.map(({ path }) => path), next },
  });
}

function deviceFor(asked: readonly DeviceName[] | undefined): DeviceName {
  const [device = USUAL, ...others] = asked ?? [];
  if (others.length > 0) {
    throw new UsageError(`--device ${asked?.join(",")}: a launcher has slices of one kind`);
  }
  if (deviceOf(device).slice !== undefined) return device;
  const known = deviceNames.filter((name) => deviceOf(name).slice !== undefined);
  throw new UsageError(
    `--device ${device}: how clouds call its slices is not known; known: ${known.join(", ")}`,
  );
}

/** Name below the launcher's folder, and text. Throws RangeError for a device without slices. */
export function launcherFiles(name: LauncherName, device: DeviceName): ReadonlyMap<string, string> {
  const { slice } = deviceOf(device);
  if (slice === undefined) throw new RangeError(`no slice of ${device} is known`);
  const { files, shared } = launchers[name];
  const locks = LOCKS.map((lock) => {
    const text = readFileSync(join(packageRoot, "python", lock), "utf8");
    return [lock, text] as const;
  });
  const ray = new Map(locks).get("requirements-cluster.lock")?.match(/^ray\[default\]==(\S+)/m);
  const context = {
    ...{ version: packageVersion(), python: PYTHON, ray: ray?.[1], device, slice },
  };
  const made = (folder: string) => (file: string) =>
    [file, render(`launcher/${folder}/${file}`, context)] as const;
  return new Map([...files.map(made(name)), ...shared.map(made("shared")), ...locks]);
}
