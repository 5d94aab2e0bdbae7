/** Edits to the files of a tree with fused kernels of its own, and what differs among such trees. */
import type { FileEdits } from "../edit.ts";
import type { Varying } from "../tree.ts";
import { layer } from "./edits/layer.ts";
import { loading } from "./edits/loading.ts";
import { forced } from "./edits/models/forced.ts";
import { models } from "./edits/models.ts";
import { backends, server, suite } from "./edits/server.ts";

export const edits: readonly FileEdits[] = server;

export const surfaces: readonly Varying[] = [layer, loading, backends, forced, ...models, suite];
