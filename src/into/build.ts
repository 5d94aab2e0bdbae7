/** `build --into` and `revert`: a tree with these kernels, or without them. */

import { type Origin, originOf } from "../emit/header.ts";
import type { Plan } from "../plan/plan.ts";
import type { MoeSpec } from "../spec/spec.ts";
import { trees } from "../target/tree/registry.ts";
import type { Tree } from "../target/tree/tree.ts";
import { adaptSpec } from "./adapt.ts";
import type { Compared } from "./compare.ts";
import { disk as realDisk } from "./disk.ts";
import { IntoError } from "./errors.ts";
import { uncommitted } from "./git.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { STORE, treeRoot } from "./paths.ts";
import { recognise } from "./recognise.ts";
import { beforeMoegen, goalOf, type IntoOptions, ownFiles, settle, write } from "./settle.ts";
import { exclusively, isInterrupted, recover } from "./transaction.ts";
import { withTreeWorker } from "./tree-worker.ts";

export interface BuildIntoOptions extends IntoOptions {
  readonly specs: readonly { readonly path: string; readonly spec: MoeSpec }[];
  readonly allowDirty: boolean;
  /** Plan → files of its package, below a folder of its name. */
  readonly emit: (plan: Plan, origin: Origin) => Promise<ReadonlyMap<string, string>>;
}

export interface RevertOptions extends IntoOptions {
  /** Kernels to take out; absent: all. */
  readonly names?: readonly string[];
}

export interface IntoResult {
  readonly root: string;
  /** Absent where a revert found nothing of moegen. */
  readonly tree?: Tree;
  /** Names of the kernels that are in the tree afterwards. */
  readonly kernels: readonly string[];
  readonly files: readonly Compared[];
  /** What the tree needs otherwise than a spec says. */
  readonly remarks: readonly { readonly name: string; readonly text: string }[];
  /** An interrupted build or revert was brought to its end first. */
  readonly recovered: boolean;
}

/** One kernel or more into a tree. Throws `IntoError` with nothing written. */
export function buildInto(options: BuildIntoOptions): Promise<IntoResult> {
  return onTree(options, (root, manifest, recovered) =>
    withTreeWorker(root, options.signal, async (worker) => {
      const before = beforeMoegen(root, manifest);
      const { tree, remarks: left } = await recognise(before, worker);
      if (!options.preview && !options.allowDirty) await refuseDirty(root, manifest);
      const goal = goalOf(root, tree, manifest, Object.keys(manifest?.specs ?? {}));
      const remarks = left.map((text) => ({ name: tree.name, text }));
      for (const { path, spec } of options.specs) {
        const adapted = adaptSpec(tree, spec, path);
        remarks.push(...adapted.remarks.map((text) => ({ name: spec.name, text })));
        const origin = originOf(path, spec, options.version);
        const files = await options.emit(adapted.plan, origin);
        goal.specs.set(spec.name, { hash: origin.hash, kernel: adapted.kernel });
        goal.packages.set(spec.name, ownFiles(spec.name, files));
      }
      const files = await settle(options, root, manifest, goal, before, worker);
      return { root, tree, kernels: [...goal.specs.keys()], files, remarks, recovered };
    }),
  );
}

/**
 * Takes kernels out again; with the last one everything is as it was, byte for byte. Throws
 * `IntoError` with nothing written.
 */
export function revertInto(options: RevertOptions): Promise<IntoResult> {
  return onTree(options, async (root, manifest, recovered) => {
    if (manifest === undefined) return { root, kernels: [], files: [], remarks: [], recovered };
    const there = Object.keys(manifest.specs);
    const unknown = options.names?.find((name) => !there.includes(name));
    if (unknown !== undefined) {
      const problem = `there is no kernel ${unknown} in this tree`;
      throw new IntoError("no-kernel", problem, `those in it: ${there.join(", ")}`);
    }
    const kept = there.filter(
      (name) => options.names !== undefined && !options.names.includes(name),
    );
    const common = { root, kernels: kept, remarks: [], recovered };
    if (kept.length === 0) {
      const files = await write(options, root, manifest, new Map(), new Set(), undefined);
      return { ...common, tree: treeNamed(manifest.tree), files };
    }
    const before = beforeMoegen(root, manifest);
    return withTreeWorker(root, options.signal, async (worker) => {
      const { tree } = await recognise(before, worker);
      const goal = goalOf(root, tree, manifest, kept);
      const files = await settle(options, root, manifest, goal, before, worker);
      return { ...common, tree, files };
    });
  });
}

/** The tree, alone and whole: what was interrupted is ended first. */
async function onTree(
  options: IntoOptions,
  work: (root: string, manifest: Manifest | undefined, recovered: boolean) => Promise<IntoResult>,
): Promise<IntoResult> {
  const root = treeRoot(options.into);
  if (options.preview) {
    if (isInterrupted(root)) {
      throw new IntoError(
        "interrupted",
        "a build of this tree was interrupted, and its files are half old and half new",
        "run the same build, or `moegen revert`, without --dry-run, --diff and --check",
      );
    }
    return work(root, readManifest(root), false);
  }
  const using = options.disk ?? realDisk;
  return exclusively(
    root,
    async () => {
      const recovered = recover(root, using, options.handEdits === "force");
      return work(root, readManifest(root), recovered);
    },
    using,
  );
}

/** The tree of a manifest that was read: its name is known. */
function treeNamed(name: string): Tree {
  const tree = Object.values(trees).find((one) => one.name === name);
  if (tree === undefined) throw new RangeError(`no tree is named ${name}`);
  return tree;
}

/** Changes that are not committed; moegen's own files have a rule of their own, see `compare.ts`. */
async function refuseDirty(root: string, manifest: Manifest | undefined): Promise<void> {
  const dirty = (await uncommitted(root)).filter(
    (path) => !path.startsWith(`${STORE}/`) && !Object.hasOwn(manifest?.files ?? {}, path),
  );
  if (dirty.length === 0) return;
  const shown = dirty.slice(0, 5).join(", ") + (dirty.length > 5 ? ", ..." : "");
  throw new IntoError(
    "dirty",
    `the tree has uncommitted changes (${shown}); nothing was written`,
    "commit or stash them, or give --allow-dirty",
  );
}
