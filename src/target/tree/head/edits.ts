/** Edits to the files of the newest tree. */
import type { FileEdits } from "../edit.ts";
import { loading } from "./edits/loading.ts";
import { models } from "./edits/models.ts";
import { server } from "./edits/server.ts";

export const edits: readonly FileEdits[] = [...server, ...loading, ...models];
