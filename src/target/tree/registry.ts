/** The trees that kernels can be built into: one folder and one entry each. */
import { december2025 } from "./2025-12/index.ts";
import { head } from "./head/index.ts";
import { pypi } from "./pypi/index.ts";
import type { Tree } from "./tree.ts";

const registry = { "2025-12": december2025, head, pypi } as const;

export type TreeName = keyof typeof registry;

export const trees: Readonly<Record<TreeName, Tree>> = registry;
