/** The trees that kernels can be built into: one folder and one entry each. */
import { pypi } from "./pypi/index.ts";
import type { Tree } from "./tree.ts";

const registry = { pypi } as const;

export type TreeName = keyof typeof registry;

export const trees: Readonly<Record<TreeName, Tree>> = registry;
