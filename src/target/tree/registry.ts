/** The trees that kernels can be built into: one folder and one entry each. */
import { december2025 } from "./2025-12/index.ts";
import { head } from "./head/index.ts";
import { packaged } from "./packaged.ts";
import { pypi } from "./pypi/index.ts";
import type { Tree } from "./tree.ts";

/** The package has fused kernels of its own since 0.0.3rc0. */
const package2026 = packaged(head, "head-package", "sglang-jax 0.0.3rc0 to 0.1.0rc0 from PyPI");

const registry = {
  "2025-12": december2025,
  head,
  "head-package": package2026,
  pypi,
} as const;

export type TreeName = keyof typeof registry;

export const trees: Readonly<Record<TreeName, Tree>> = registry;
