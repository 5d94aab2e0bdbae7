/**
 * The normalised description of one fused MoE layer: plain data, no behaviour, every default
 * filled in. What a user may leave out is in `src/dsl/input.ts`. This folder imports nothing.
 */
import type { LayerSpec } from "./layer.ts";
import type { MeshSpec } from "./mesh.ts";
import type { ScheduleSpec } from "./schedule.ts";

export interface EmitSpec {
  /** Write `reference.py` beside the kernel. */
  readonly reference: boolean;
}

export interface MoeSpec {
  /** Python package name, a valid identifier. */
  readonly name: string;
  /** Where the figures come from (URL or model card), printed in the generated header. */
  readonly source?: string;
  /**
   * Whose layer it is, as the first of `architectures` in `config.json`: a build into a source tree
   * refuses one that no model of the tree can use. Absent: as the config that the layer was read from
   * says, else anyone's.
   */
  readonly architecture?: string;
  readonly layer: LayerSpec;
  readonly mesh: MeshSpec;
  /** Keys of `src/target/device/registry.ts`. */
  readonly devices: readonly [string, ...string[]];
  readonly schedule: ScheduleSpec;
  readonly emit: EmitSpec;
}
