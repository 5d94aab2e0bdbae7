/** Kernels that a manifest says are in the tree, before anything is made of what it says of them. */
import type { Dict } from "../check/rules/kinds.ts";
import { checkShape } from "../check/rules/shape.ts";
import type { HostedKernel, Tree } from "../target/tree/tree.ts";
import { broken } from "./manifest.ts";

/** Throws `IntoError` where no build into the tree can have left such a record. */
export function checkHosted(tree: Tree, name: string, kernel: HostedKernel): void {
  const refuse = (why: string) => broken(`specs.${name}.kernel: ${why}`);
  const { layer, mesh, buckets, predicted } = kernel as Partial<HostedKernel>;
  const [wrong] = checkShape({ name, layer } as Dict, { devices: [], schedules: {} }).filter(
    ({ path }) => path[0] === "layer",
  );
  if (wrong !== undefined) throw refuse(wrong.message);
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;
  if (!isCount(mesh?.ep)) throw refuse("mesh.ep is no number of devices");
  const axes: unknown = mesh?.axes;
  const { epAxes } = tree.surface;
  if (!Array.isArray(axes) || axes.join() !== epAxes.join()) {
    throw refuse(`mesh.axes are not ${epAxes.join(", ")}`);
  }
  if (!Array.isArray(buckets) || buckets.length === 0 || !buckets.every(isCount)) {
    throw refuse("buckets is no list of token counts");
  }
  if (predicted !== undefined && predicted !== true) throw refuse("predicted is not true");
  try {
    tree.files([kernel]);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}
