/** Looks at the machine. Slow things (importing JAX) are left out: versions come from metadata. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { pythonRequirements } from "../../house/paths.mjs";
import { findPython } from "../../house/python-env.mjs";
import { bytes } from "../format.ts";

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** False: nice to have. */
  readonly needed: boolean;
  readonly value: string;
  readonly fix?: string;
}

const FIX_PYTHON = "moegen doctor --fix";
/** What validate and compile need, in the order shown. */
const PACKAGES = ["jax", "jaxlib", "libtpu", "numpy"] as const;

export async function examine(): Promise<readonly Finding[]> {
  return [node(), ...(await python()), machine(), tpu()];
}

function node(): Finding {
  const { node: version } = process.versions;
  const ok = Number(version.split(".")[0]) >= 20;
  return { name: "Node", ok, needed: true, value: version, fix: "install Node 20 or newer" };
}

async function python(): Promise<readonly Finding[]> {
  const found = findPython();
  if (found === undefined) {
    const value = "no environment for the worker";
    return [{ name: "Python", ok: false, needed: true, value, fix: FIX_PYTHON }];
  }
  const versions = await versionsIn(found.python);
  if (versions === undefined) {
    const value = `${found.python} does not run`;
    const fix =
      found.source === "MOEGEN_PYTHON" ? "unset MOEGEN_PYTHON, or name a working one" : FIX_PYTHON;
    return [{ name: "Python", ok: false, needed: true, value, fix }];
  }
  const { python: version = "", ...packages } = versions;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const ok = major === 3 && minor >= 11;
  const value = `${version}  ${found.source}`;
  const locked = lockedVersions();
  return [
    { name: "Python", ok, needed: true, value, fix: `Python 3.11 or newer, then ${FIX_PYTHON}` },
    ...PACKAGES.map((name): Finding => {
      const has = packages[name];
      const wanted = locked.get(name) ?? "";
      const told = has === wanted ? has : `${has ?? "missing"}, tested with ${wanted}`;
      return { name, ok: Boolean(has), needed: true, value: told, fix: FIX_PYTHON };
    }),
  ];
}

const PROBE = `
import importlib.metadata as m, json, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
found = {name: version(name) for name in ${JSON.stringify(PACKAGES)}}
print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], **{k: v for k, v in found.items() if v}}))
`;

async function versionsIn(python: string): Promise<Record<string, string> | undefined> {
  const { execa } = await import("execa");
  const { exitCode, stdout } = await execa(python, ["-c", PROBE], {
    reject: false,
    timeout: 20_000,
  });
  if (exitCode !== 0) return undefined;
  return JSON.parse(stdout) as Record<string, string>;
}

function lockedVersions(): ReadonlyMap<string, string> {
  const lines = readFileSync(pythonRequirements, "utf8").matchAll(/^([a-z0-9-]+)==([^\s\\]+)/gm);
  return new Map([...lines].map(([, name = "", version = ""]) => [name, version]));
}

function machine(): Finding {
  const cores = availableParallelism();
  const value = `${cores} cores, ${bytes(totalmem())} memory`;
  return {
    name: "machine",
    ok: cores >= 2,
    needed: false,
    value,
    fix: "validate is slow on one core",
  };
}

/** TPU VMs show their chips as /dev/accel* or, newer ones, as vfio groups. */
function tpu(): Finding {
  const chips = ["/dev", "/dev/vfio"]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).filter((name) => /^(accel)?\d+$/.test(name)))
    .filter((name, _, all) => name.startsWith("accel") || !all.some((n) => n.startsWith("accel")));
  const value =
    chips.length > 0
      ? `${chips.length} chips`
      : "none, and none needed: validate simulates devices, compile runs the TPU compiler";
  return { name: "TPU", ok: chips.length > 0, needed: false, value };
}
