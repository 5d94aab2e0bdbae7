/** Why a tree is not changed; told apart by name, so that the CLI can catch it without loading this. */

export type IntoCode =
  | "not-a-tree"
  | "unrecognised"
  | "refused-spec"
  | "anchor"
  | "hand-edited"
  | "conflict"
  | "dirty"
  | "path"
  /** Asked for, and not in the tree. */
  | "no-kernel"
  /** `.moegen` in the tree is not what a build leaves. */
  | "manifest"
  /** The system stopped a change half-way. */
  | "disk"
  | "interrupted";

/** The tree is not what it must be. Nothing was written, unless the message says so. */
export class IntoError extends Error {
  override readonly name = "IntoError";
  readonly code: IntoCode;
  readonly fix?: string;

  constructor(code: IntoCode, message: string, fix?: string) {
    super(message);
    this.code = code;
    if (fix !== undefined) this.fix = fix;
  }
}
