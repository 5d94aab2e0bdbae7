/** From the kernels that a tree shall hold to its files, compared and written. */
import type { HostedKernel, Tree } from "../target/tree/tree.ts";
import { apply, refuseHandEdits } from "./apply.ts";
import { type Compared, compare, type HandEdits } from "./compare.ts";
import { type DesiredFile, desiredFiles, type Remember } from "./desired.ts";
import { type Disk, disk as realDisk } from "./disk.ts";
import { IntoError } from "./errors.ts";
import { checkHosted } from "./hosted.ts";
import { generatedOf, type Manifest, originalOf, readKept, type SpecRecord } from "./manifest.ts";
import { readInTree } from "./paths.ts";
import type { Before } from "./recognise.ts";
import type { TreeWorker } from "./tree-worker.ts";

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

export interface Goal {
  readonly tree: Tree;
  readonly specs: Map<string, SpecRecord>;
  /** Kernel name → files below its folder. */
  readonly packages: Map<string, ReadonlyMap<string, string>>;
}

/**
 * The kernels that are in the tree and stay, as they were generated. Throws `IntoError` "manifest"
 * where the store does not hold what the manifest says.
 */
export function goalOf(
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

/**
 * A package's files by path below the kernel's own folder; given, they are below a folder of its
 * name.
 */
export function ownFiles(
  name: string,
  files: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map([...files].map(([path, text]) => [path.slice(name.length + 1), text]));
}

/**
 * Compares the tree with what the goal asks for, and writes the difference unless it is a preview.
 * Gives every file compared. Throws `IntoError`, with nothing written, where a file was edited by
 * hand, two kernels are for one layer and mesh, or a layer in the manifest is none.
 */
export async function settle(
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
  for (const [name, { kernel }] of specs) {
    if (manifest?.specs[name]?.kernel === kernel) checkHosted(tree, name, kernel);
  }
  refuseTwins(kernels);
  const remember = options.remember ?? ((_, make) => make());
  const desired = await desiredFiles(tree, kernels, packages, before, {
    worker,
    remember,
    version: options.version,
  });
  const edits = new Set(tree.edits.map(({ path }) => path));
  const next = { tree: tree.name, specs: Object.fromEntries(specs) };
  return write(options, root, manifest, desired, edits, next);
}

/**
 * The last step of `settle`; without `next` the tree is left without moegen and its manifest.
 * Throws as it does.
 */
export async function write(
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

/** The lookup in the tree could not tell two kernels of one layer and mesh apart. */
function refuseTwins(kernels: readonly HostedKernel[]): void {
  const seen = new Map<string, string>();
  for (const { name, layer, mesh } of kernels) {
    const key = JSON.stringify([layer, mesh.ep]);
    const other = seen.get(key);
    if (other !== undefined) {
      throw new IntoError(
        "refused-spec",
        `${other} and ${name} are for the same layer on as many devices; nothing was written`,
        `keep one: \`moegen revert --into TREE --spec ${other}\` takes the other out`,
      );
    }
    seen.set(key, name);
  }
}

/** The tree without moegen: originals where files were edited, nothing where they were made. */
export function beforeMoegen(root: string, manifest: Manifest | undefined): Before {
  return (path) => {
    const record = manifest?.files[path];
    if (record === undefined) return readInTree(root, path);
    return record.before === null ? undefined : readKept(root, originalOf(path), record.before);
  };
}
