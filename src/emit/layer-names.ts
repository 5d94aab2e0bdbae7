/** Names of a package of several kinds of layers: none of its kinds has one of them. */

/** The folder of modules that several kinds have alike. */
export const COMMON = "common";

/** The module of the entry points. */
export const LAYERS_MODULE = "layers";

/** Modules, and what the package exports. */
export const entryNames: readonly string[] = [
  COMMON,
  LAYERS_MODULE,
  "compiler_options",
  "fused_ep_moe",
  "kind_of",
  "reference_moe",
];
