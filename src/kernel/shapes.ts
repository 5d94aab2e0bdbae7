/** Sizes, references and scratch of a kernel: what all of its modules share. */
import type { Part } from "./part.ts";

export const shapes: Part = {
  modules: () => [{ name: "shapes", template: "kernel/shapes/shapes" }],
};
