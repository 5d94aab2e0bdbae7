/** Edits to the files of a tree with fused kernels of its own, and what differs among such trees. */
import type { FileEdits } from "../edit.ts";
import type { Varying } from "../tree.ts";
import { layer } from "./edits/layer.ts";
import { loading } from "./edits/loading.ts";
import { models } from "./edits/models.ts";
import { backends, forced, server, suite } from "./edits/server.ts";

export const edits: readonly FileEdits[] = [...server, ...loading];

export const surfaces: readonly Varying[] = [layer, backends, forced, ...models, suite];
