/** `build --into` and `revert`: a tree with these kernels, or without them. */
import type { MoeSpec } from "../dsl/spec.ts";
import type { Plan } from "../plan/plan.ts";
import { trees } from "../target/tree/registry.ts";
import type { HostedKernel, Tree } from "../target/tree/tree.ts";
import { adaptSpec } from "./adapt.ts";
import { apply, refuseHandEdits } from "./apply.ts";
import { type Compared, compare, type HandEdits } from "./compare.ts";
import { type DesiredFile, desiredFiles, type Remember } from "./desired.ts";
import { type Disk, disk as realDisk } from "./disk.ts";
import { IntoError } from "./errors.ts";
import { uncommitted } from "./git.ts";
import {
  generatedOf,
  type Manifest,
  originalOf,
  readKept,
  readManifest,
  type SpecRecord,
  sha256,
} from "./manifest.ts";
import { readInTree, STORE, treeRoot } from "./paths.ts";
import { type Before, recognise } from "./recognise.ts";
import { exclusively, isInterrupted, recover } from "./transaction.ts";
import { type TreeWorker, withTreeWorker } from "./tree-worker.ts";

export interface IntoOptions {
  /** The tree's folder. */
  readonly into: string;
  /** Write nothing: say what would be done. */
  readonly preview: boolean;
  readonly handEdits: HandEdits;
  /** Version of moegen, for the manifest. */
  readonly version: string;
  readonly signal?: AbortSignal;
  /** Gives what `make` made of the same input before; absent: nothing is remembered. */
  readonly remember?: Remember;
  /** A test's own. */
  readonly disk?: Disk;
}

export interface BuildIntoOptions extends IntoOptions {
  readonly specs: readonly { readonly path: string; readonly spec: MoeSpec }[];
  readonly allowDirty: boolean;
  /** Plan → files of its package, below a folder of its name. */
  readonly emit: (plan: Plan) => Promise<ReadonlyMap<string, string>>;
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
    withTreeWorker(options.signal, async (worker) => {
      const before = beforeMoegen(root, manifest);
      const tree = await recognise(before, worker);
      if (!options.preview && !options.allowDirty) await refuseDirty(root, manifest);
      const goal = goalOf(root, tree, manifest, Object.keys(manifest?.specs ?? {}));
      const remarks: { name: string; text: string }[] = [];
      for (const { path, spec } of options.specs) {
        const adapted = adaptSpec(tree, spec, path);
        remarks.push(...adapted.remarks.map((text) => ({ name: spec.name, text })));
        const files = await options.emit(adapted.plan);
        goal.specs.set(spec.name, { hash: sha256(JSON.stringify(spec)), kernel: adapted.kernel });
        goal.packages.set(spec.name, ownFiles(spec.name, files));
      }
      const files = await settle(options, root, manifest, goal, before, worker);
      return { root, tree, kernels: [...goal.specs.keys()], files, remarks, recovered };
    }),
  );
}

/** Takes kernels out again; with the last one everything is as it was, byte for byte. */
export function revertInto(options: RevertOptions): Promise<IntoResult> {
  return onTree(options, async (root, manifest, recovered) => {
    if (manifest === undefined) return { root, kernels: [], files: [], remarks: [], recovered };
    const there = Object.keys(manifest.specs);
    const unknown = options.names?.find((name) => !there.includes(name));
    if (unknown !== undefined) {
      const problem = `there is no kernel ${unknown} in this tree`;
      throw new IntoError("manifest", problem, `those in it: ${there.join(", ")}`);
    }
    const kept = there.filter(
      (name) => options.names !== undefined && !options.names.includes(name),
    );
    const tree = treeNamed(manifest.tree);
    const common = { root, tree, kernels: kept, remarks: [], recovered };
    if (kept.length === 0) {
      const files = await write(options, root, manifest, new Map(), new Set(), undefined);
      return { ...common, files };
    }
    const goal = goalOf(root, tree, manifest, kept);
    const before = beforeMoegen(root, manifest);
    const files = await withTreeWorker(options.signal, (worker) =>
      settle(options, root, manifest, goal, before, worker),
    );
    return { ...common, files };
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

interface Goal {
  readonly tree: Tree;
  readonly specs: Map<string, SpecRecord>;
  /** Kernel name → files below its folder. */
  readonly packages: Map<string, ReadonlyMap<string, string>>;
}

/** The kernels that are in the tree and stay, as they were generated. */
function goalOf(
  root: string,
  tree: Tree,
  manifest: Manifest | undefined,
  names: readonly string[],
): Goal {
  const specs = new Map(
    Object.entries(manifest?.specs ?? {}).filter(([name]) => names.includes(name)),
  );
  const packages = new Map(
    names.map((name): [string, ReadonlyMap<string, string>] => {
      const folder = `${tree.kernelFolder}/${name}/`;
      const files = Object.entries(manifest?.files ?? {}).filter(
        ([, { kernel }]) => kernel === name,
      );
      return [
        name,
        new Map(
          files.map(([path, { generated }]) => [
            path.slice(folder.length),
            readKept(root, generatedOf(path), generated),
          ]),
        ),
      ];
    }),
  );
  return { tree, specs, packages };
}

function ownFiles(name: string, files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...files].map(([path, text]) => [path.slice(name.length + 1), text]));
}

async function settle(
  options: IntoOptions,
  root: string,
  manifest: Manifest | undefined,
  { tree, specs, packages }: Goal,
  before: Before,
  worker: TreeWorker,
): Promise<readonly Compared[]> {
  const kernels: readonly HostedKernel[] = [...specs.values()]
    .map(({ kernel }) => kernel)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const remember = options.remember ?? ((_, make) => make());
  const desired = await desiredFiles(tree, kernels, packages, before, worker, remember);
  const edits = new Set(tree.edits.map(({ path }) => path));
  const next = { tree: tree.name, specs: Object.fromEntries(specs) };
  return write(options, root, manifest, desired, edits, next);
}

async function write(
  options: IntoOptions,
  root: string,
  manifest: Manifest | undefined,
  desired: ReadonlyMap<string, DesiredFile>,
  edits: ReadonlySet<string>,
  next: { readonly tree: string; readonly specs: Readonly<Record<string, SpecRecord>> } | undefined,
): Promise<readonly Compared[]> {
  const compared = await compare(root, desired, edits, manifest, options.handEdits);
  if (options.preview) return compared;
  refuseHandEdits(compared);
  const using = options.disk ?? realDisk;
  apply(root, compared, manifest, next && { moegen: options.version, ...next }, using);
  return compared;
}

/** The tree without moegen: originals where files were edited, nothing where they were made. */
function beforeMoegen(root: string, manifest: Manifest | undefined): Before {
  return (path) => {
    const record = manifest?.files[path];
    if (record === undefined) return readInTree(root, path);
    return record.before === null ? undefined : readKept(root, originalOf(path), record.before);
  };
}

function treeNamed(name: string): Tree {
  const tree = Object.values(trees).find((one) => one.name === name);
  if (tree !== undefined) return tree;
  const problem = `the tree was built as ${JSON.stringify(name)}, which this moegen does not know`;
  throw new IntoError("manifest", problem, "use the moegen that built it");
}

/** Changes that are not committed; moegen's own files have a rule of their own, see `compare.ts`. */
async function refuseDirty(root: string, manifest: Manifest | undefined): Promise<void> {
  const dirty = (await uncommitted(root)).filter(
    (path) => !path.startsWith(`${STORE}/`) && manifest?.files[path] === undefined,
  );
  if (dirty.length === 0) return;
  const shown = dirty.slice(0, 5).join(", ") + (dirty.length > 5 ? ", ..." : "");
  throw new IntoError(
    "dirty",
    `the tree has uncommitted changes (${shown}); nothing was written`,
    "commit or stash them, or give --allow-dirty",
  );
}
