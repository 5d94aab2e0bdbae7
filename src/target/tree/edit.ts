/**
 * The vocabulary of edits to a Python file: plain JSON, made by a tree's `edits.ts`, carried out with
 * LibCST by the worker's `edit` operation (`python/moegen_worker/codemod/`).
 *
 * Rules that hold for every edit:
 * - it finds its place by a symbol and a pattern, never by a line number, and there must be exactly
 *   one such place: none or several stop the whole build before anything is written;
 * - done already, it changes nothing (the file is compared as a syntax tree);
 * - the formatting and the comments around it stay; the result is formatted by the tree's own Black
 *   and isort where the file was clean before, so `code` need not care about line length or depth.
 *
 * A **pattern** is Python, compared as a syntax tree, in which `...` stands for anything:
 * - an expression: `self.mlp = EPMoE(...)`, `attention_backend: ... = ...`;
 * - further call arguments, in any order: `parser.add_argument("--attention-backend", ...)`;
 * - further list, tuple or set elements at the end: `("fused", ...)`;
 * - the body of a block: `with mesh: ...`, `for bs in bs_padding_list: ...`, `class ModelImpl(...): ...`.
 * A block pattern with a written body must match that body: `with mesh:\n    self.mlp = EPMoE(...)`.
 */

/** A statement of a file. */
export interface StatementAnchor {
  /** Class or function whose body holds it, dotted: "ModelConfig.__init__". Absent: the module. */
  readonly in?: string;
  /** Pattern of the statement; nested blocks are searched too, nested definitions are not. */
  readonly statement: string;
}

/** An expression of a file. */
export interface ExpressionAnchor {
  /** As in `StatementAnchor`. */
  readonly in?: string;
  /** Pattern of the expression. */
  readonly expression: string;
}

/** New statements beside one that is there. */
export interface InsertEdit {
  readonly edit: "insert";
  readonly where: "before" | "after";
  readonly at: StatementAnchor;
  readonly code: string;
}

/** New statements at the end of a class, a function or the module. */
export interface AppendEdit {
  readonly edit: "append";
  /** Dotted symbol; absent: the module. */
  readonly in?: string;
  readonly code: string;
}

/** Other statements in the place of one. */
export interface ReplaceEdit {
  readonly edit: "replace";
  readonly at: StatementAnchor;
  readonly code: string;
}

/** `if CONDITION: CODE else: <the statement as it was>`. */
export interface BranchEdit {
  readonly edit: "branch";
  readonly at: StatementAnchor;
  readonly condition: string;
  readonly code: string;
}

/** Another expression in the place of one. */
export interface RewriteEdit {
  readonly edit: "rewrite";
  readonly at: ExpressionAnchor;
  readonly code: string;
}

/** A further element at the end of a list, tuple or set literal. */
export interface ElementEdit {
  readonly edit: "element";
  readonly at: ExpressionAnchor;
  readonly code: string;
}

/** A further parameter of a function, `name: type = default`; last, or after another one. */
export interface ParameterEdit {
  readonly edit: "parameter";
  readonly function: string;
  readonly after?: string;
  readonly code: string;
}

/** A further keyword argument, `name=value`, of one call; before any `**kwargs`. */
export interface ArgumentEdit {
  readonly edit: "argument";
  /** The call: `{ in: "f", expression: "ModelConfig(...)" }`. */
  readonly at: ExpressionAnchor;
  readonly code: string;
}

/** A module-level import, one statement: `from a import b`; merged with what is imported already. */
export interface ImportEdit {
  readonly edit: "import";
  readonly code: string;
}

export type Edit =
  | InsertEdit
  | AppendEdit
  | ReplaceEdit
  | BranchEdit
  | RewriteEdit
  | ElementEdit
  | ParameterEdit
  | ArgumentEdit
  | ImportEdit;

/** All edits of one file, in order. */
export interface FileEdits {
  /** Below the tree, with `/`: "python/sgl_jax/srt/server_args.py". */
  readonly path: string;
  readonly edits: readonly Edit[];
}
