/** What a tree holds once all its kernels are in it. */
import { digestOf, withHeader } from "../emit/header.ts";
import type { HostedKernel, Tree, TreeFile } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";
import type { Before } from "./recognise.ts";
import type { TreeWorker } from "./tree-worker.ts";

export interface DesiredFile {
  readonly text: string;
  /** The kernel whose package holds it; absent: a file of the tree as a whole. */
  readonly kernel?: string;
}

/** Kernel name → its package's files, by path below the kernel's own folder. */
export type Packages = ReadonlyMap<string, ReadonlyMap<string, string>>;

export type Remember = (
  input: string,
  make: () => Promise<ReadonlyMap<string, string>>,
) => Promise<ReadonlyMap<string, string>>;

/** What files are made with. */
interface Means {
  readonly worker: TreeWorker;
  readonly remember: Remember;
  /** Of moegen, for the headers. */
  readonly version: string;
}

/**
 * Path below the tree → text, of all that `kernels` need: their packages, the tree's shared files,
 * its edited files. `remember` may give what was made of the same input before. Throws `IntoError`
 * where a file to edit is missing or a place in it is, and where the tree has a module of a
 * kernel's name.
 */
export async function desiredFiles(
  tree: Tree,
  kernels: readonly HostedKernel[],
  packages: Packages,
  before: Before,
  { worker, remember, version }: Means,
): Promise<ReadonlyMap<string, DesiredFile>> {
  const desired = new Map<string, DesiredFile>();
  for (const { name } of kernels) {
    for (const [file, text] of packages.get(name) ?? []) {
      desired.set(`${tree.kernelFolder}/${name}/${file}`, { text, kernel: name });
    }
  }
  const shared = tree.files(kernels);
  const rendered = await remember(JSON.stringify([version, shared]), () =>
    renderAll(shared, version),
  );
  for (const [path, text] of rendered) desired.set(path, { text });
  const files = tree.edits.map(({ path, edits }) => {
    const text = before(path);
    if (text === undefined) throw new IntoError("anchor", `${path}: expected the file, found none`);
    return { path, edits, text };
  });
  const edited = await remember(JSON.stringify(files), () => worker.edit(files, tree.firstParty));
  for (const [path, text] of edited) desired.set(path, { text });
  for (const { name } of kernels) refuseTaken(`${tree.kernelFolder}/${name}`, desired, before);
  return desired;
}

/** The formatter is loaded only when something must be made. */
async function renderAll(
  files: readonly TreeFile[],
  version: string,
): Promise<ReadonlyMap<string, string>> {
  const [{ formatPython }, { render }] = await Promise.all([
    import("../emit/format.ts"),
    import("../emit/templates.ts"),
  ]);
  return new Map(
    files.map(({ path, template, context }) => {
      const text = render(template, context);
      if (!path.endsWith(".py")) return [path, text];
      const hash = digestOf({ template, context });
      return [path, withHeader(formatPython(text), { version, hash })];
    }),
  );
}

/** A package and a module of one name hide each other. */
function refuseTaken(
  folder: string,
  desired: ReadonlyMap<string, DesiredFile>,
  before: Before,
): void {
  const module = `${folder}.py`;
  const theirs = before(`${folder}/__init__.py`) !== undefined;
  if (desired.has(module) || before(module) !== undefined || theirs) {
    throw new IntoError(
      "refused-spec",
      `the tree has a ${theirs ? folder : module} of its own; nothing was written`,
      "give the spec another name",
    );
  }
}
