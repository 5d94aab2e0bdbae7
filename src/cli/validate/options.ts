/** What `moegen validate` may be given; each form of it takes a part. */
import type { MutantKind } from "../../validate/mutants/types.ts";

export interface Options {
  readonly ep?: number;
  readonly kind?: readonly string[];
  readonly tokens?: readonly number[];
  readonly fullSize?: boolean;
  readonly case?: readonly string[];
  readonly seed?: number;
  readonly matrix?: boolean;
  readonly all?: boolean;
  readonly rows?: readonly number[];
  readonly jitter?: number;
  readonly orders?: number;
  /** A family of them, all, or, where the option stands before it, the spec. */
  readonly mutants?: string | true;
  readonly only?: readonly MutantKind[];
  readonly sample?: number;
  readonly mutant?: readonly string[];
}
