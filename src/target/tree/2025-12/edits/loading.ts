/** Weight loading: gate and up of all experts become one parameter, by the tree's loader. */
import type { Varying } from "../../tree.ts";
import { buffered } from "./loading/buffered.ts";
import { lazy } from "./loading/lazy.ts";

export const loading: Varying = {
  what: "weight loader",
  needed: true,
  forms: [
    { name: "of whole groups", probes: [], edits: [buffered] },
    { name: "by device", probes: [], edits: [lazy] },
  ],
};
