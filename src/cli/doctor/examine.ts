/** Looks at the machine. Nothing here loads JAX: versions come from metadata. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { oldNode } from "../../house/node-version.mjs";
import { pythonRequirements, rayRequirements } from "../../house/paths.mjs";
import { findPython } from "../../house/python-env.mjs";
import { bytes, plural } from "../format.ts";
import { interrupted } from "../interrupt.ts";

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

/**
 * Node, Python and its packages, the machine, TPU chips, in the order shown. What is missing is a
 * finding, never an error; asking Python starts it once.
 */
export async function examine({ ray = false } = {}): Promise<readonly Finding[]> {
  return [node(), ...(await python(ray)), machine(), tpu(), await compiled()];
}

function node(): Finding {
  const old = oldNode();
  const finding = { name: "Node", ok: old === undefined, needed: true };
  return { ...finding, value: process.versions.node, ...(old && { fix: old.fix }) };
}

/** Asks the worker itself, so that what is found is what validate and compile will use. */
async function python(ray: boolean): Promise<readonly Finding[]> {
  const { EnvironmentError, greet } = await import("../../runner/index.ts");
  try {
    const info = await greet({ signal: interrupted });
    const where = findPython()?.source ?? "";
    const locked = lockedVersions();
    return [
      { name: "Python", ok: true, needed: true, value: `${info.python}  ${where}` },
      ...PACKAGES.map((name): Finding => {
        const has = info[name] ?? "missing";
        const wanted = locked.get(name);
        const value = has === wanted ? has : `${has}, tested with ${wanted}`;
        return { name, ok: info[name] !== null, needed: true, value, fix: FIX_PYTHON };
      }),
      ...(ray ? [rayFinding(info.ray)] : []),
    ];
  } catch (thrown) {
    if (!(thrown instanceof EnvironmentError)) throw thrown;
    const { message, fix } = thrown;
    return [{ name: "Python", ok: false, needed: true, value: message, fix }];
  }
}

/** Asked for by who sweeps over a cluster; nobody else needs it. */
function rayFinding(version: string | null): Finding {
  const [, locked] = /^ray==(\S+)/m.exec(readFileSync(rayRequirements, "utf8")) ?? [];
  const has = version ?? "missing";
  const value = version === null || version === locked ? has : `${has}, tested with ${locked}`;
  return { name: "Ray", ok: version !== null, needed: true, value, fix: `${FIX_PYTHON} --ray` };
}

/** What need not be compiled again. */
async function compiled(): Promise<Finding> {
  const { CompileCache } = await import("../../runner/index.ts");
  const finding = { name: "compiled", ok: true, needed: false };
  const size = CompileCache.usual()?.size();
  if (size === undefined) return { ...finding, value: "MOEGEN_COMPILE_CACHE=off: nothing is kept" };
  const kernels = plural(size.entries, "kernel");
  return { ...finding, value: `${kernels} known, ${bytes(size.bytes)} in ${size.folder}` };
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
