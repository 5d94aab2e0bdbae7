/**
 * Remembers what became of something. Formatting Python in WebAssembly, or editing it in Python, is
 * most of a build, and what they make follows from what goes in and from moegen's own files alone: so
 * their hash names the result.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Origin } from "../emit/header.ts";
import type { LayersPlan } from "../plan/layers.ts";
import type { Plan } from "../plan/plan.ts";
import { namesIn, readIfThere, writeAtomically } from "./files.ts";
import { packageRoot } from "./package.ts";

type Files = ReadonlyMap<string, string>;

/** Older results go: a sweep over many specs must not fill the disk. */
const MOST_ENTRIES = 100;
const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "moegen", "built");

type Emit<P> = (plan: P, origin: Origin) => Promise<Files>;

/** The package of a plan, made by `emit` unless it is known. */
export function builtFrom<P>(plan: P, origin: Origin, emit: Emit<P>): Promise<Files> {
  return remembered(JSON.stringify([plan, origin]), () => emit(plan, origin));
}

/** The files that follow from `input`, made unless they are known. */
export async function remembered(input: string, make: () => Promise<Files>): Promise<Files> {
  const key = createHash("sha256").update(ownFiles()).update(input).digest("hex");
  const path = join(folder, `${key}.json`);
  const known = read(path);
  if (known !== undefined) return known;
  const files = await make();
  try {
    writeAtomically(path, JSON.stringify([...files]));
    prune();
  } catch {
    // A cache that cannot be written (a read-only home) costs time and nothing else.
  }
  return files;
}

/** Loaded only when something must be made: the formatter alone takes longer than all the rest. */
export async function emitPlan(plan: Plan, origin: Origin): Promise<Files> {
  const { emitPackage } = await import("../emit/index.ts");
  return emitPackage(plan, origin);
}

/** The same of several kinds of layers. */
export async function emitModel(model: LayersPlan, origin: Origin): Promise<Files> {
  const { emitLayers } = await import("../emit/layers.ts");
  return emitLayers(model, origin);
}

function read(path: string): Files | undefined {
  try {
    const text = readIfThere(path);
    return text === undefined ? undefined : new Map(JSON.parse(text) as [string, string][]);
  } catch {
    return undefined;
  }
}

let own: string | undefined;

/** One hash over this copy's code, templates and versions of what it depends on. */
function ownFiles(): string {
  if (own !== undefined) return own;
  const hash = createHash("sha256").update(readFileSync(join(packageRoot, "package.json")));
  const code = fileURLToPath(new URL("..", import.meta.url));
  const worker = join(packageRoot, "python");
  hash.update(readFileSync(join(worker, "requirements.lock")));
  for (const root of [code, join(packageRoot, "templates"), join(worker, "moegen_worker")]) {
    for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
      if (/\.(js|ts|hbs|py)$/.test(name) && !name.endsWith(".d.ts")) {
        hash
          .update(name)
          .update("\0")
          .update(readFileSync(join(root, name)));
      }
    }
  }
  own = hash.digest("hex");
  return own;
}

function prune(): void {
  const entries = namesIn(folder).map((name) => ({ path: join(folder, name) }));
  if (entries.length <= MOST_ENTRIES) return;
  const byAge = entries
    .map(({ path }) => ({ path, time: statSync(path).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of byAge.slice(MOST_ENTRIES / 2)) rmSync(path, { force: true });
}
