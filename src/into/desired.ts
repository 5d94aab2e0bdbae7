/** What a tree holds once all its kernels are in it. */
import { formatPython } from "../emit/format.ts";
import { render } from "../emit/templates.ts";
import type { HostedKernel, Tree } from "../target/tree/tree.ts";
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

export async function desiredFiles(
  tree: Tree,
  kernels: readonly HostedKernel[],
  packages: Packages,
  before: Before,
  worker: TreeWorker,
): Promise<ReadonlyMap<string, DesiredFile>> {
  const desired = new Map<string, DesiredFile>();
  for (const { name } of kernels) {
    for (const [file, text] of packages.get(name) ?? []) {
      desired.set(`${tree.kernelFolder}/${name}/${file}`, { text, kernel: name });
    }
  }
  for (const { path, template, context } of tree.files(kernels)) {
    const text = render(template, context);
    desired.set(path, { text: path.endsWith(".py") ? formatPython(text) : text });
  }
  const files = tree.edits.map(({ path, edits }) => {
    const text = before(path);
    if (text === undefined) throw new IntoError("anchor", `${path}: expected the file, found none`);
    return { path, edits, text };
  });
  for (const [path, text] of await worker.edit(files, tree.firstParty)) desired.set(path, { text });
  for (const { name } of kernels) refuseTaken(`${tree.kernelFolder}/${name}`, desired, before);
  return desired;
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
