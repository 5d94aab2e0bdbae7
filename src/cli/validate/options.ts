/** What `moegen validate` may be given; each form of it takes a part. */
import type { MutantKind } from "../../mutants/types.ts";

export interface Options {
  readonly ep?: number;
  readonly tokens?: readonly number[];
  readonly fullSize?: boolean;
  readonly case?: readonly string[];
  readonly seed?: number;
  readonly matrix?: boolean;
  readonly all?: boolean;
  readonly rows?: readonly number[];
  readonly jitter?: number;
  readonly orders?: number;
  readonly mutants?: boolean;
  readonly only?: readonly MutantKind[];
  readonly sample?: number;
  readonly mutant?: readonly string[];
}
