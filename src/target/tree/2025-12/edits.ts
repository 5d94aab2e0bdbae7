/** Edits to the files of the tree of December 2025, and what differs among such trees. */
import type { FileEdits } from "../edit.ts";
import type { Varying } from "../tree.ts";
import { loading } from "./edits/loading.ts";
import { models } from "./edits/models.ts";
import { server, suite } from "./edits/server.ts";

export const edits: readonly FileEdits[] = server;

export const surfaces: readonly Varying[] = [loading, ...models, suite];
