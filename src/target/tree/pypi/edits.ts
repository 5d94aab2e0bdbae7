/** Edits to the files of sglang-jax 0.0.2. */
import type { FileEdits } from "../edit.ts";

export const edits: readonly FileEdits[] = [];
