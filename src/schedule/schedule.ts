/** What a dispatch/combine scheme must provide. One folder each, plus one line in `registry.ts`. */

import type { KernelPlan, Plan } from "../plan/plan.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { ScheduleSpec } from "../spec/schedule.ts";
import type { Device } from "../target/device/device.ts";

export type TileAxis = "bt" | "bf" | "bd";

/** One bucket's tiles with every choice resolved to a number. */
export interface TileRequest {
  readonly bucket: string;
  readonly upTo: number;
  readonly bt: number;
  readonly bf: number;
  readonly bd: number;
  /** Absent: the schedule's own rule. */
  readonly btc?: readonly number[];
  readonly slots: number;
}

export interface LowerInput {
  readonly layer: LayerSpec;
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Names of all kinds that the package is for: some answers are one for all of them. */
  readonly devices: readonly string[];
  readonly device: Device;
  readonly tiles: TileRequest;
  /** T, all devices together. */
  readonly tokens: number;
  /** Limits of a kernel that is already made, for another T; absent: chosen for this T. */
  readonly limits?: { readonly passTokens: number; readonly rowBlock: number };
  /** Stream weight tiles although a whole expert would do: another bucket of the package must. */
  readonly streamed?: boolean;
}

/** A rule an axis must keep, as text and as the values that keep it. */
export interface AxisRule {
  /** e.g. "divides F and is a multiple of 128 lanes". */
  readonly text: string;
  /** Legal values, ascending. */
  readonly legal: readonly number[];
}

/** One file of the generated package: its name and its template's path below `templates/`. */
export interface PackageFile {
  readonly file: string;
  readonly template: string;
  /** Plain data for the template, made from the plan alone. */
  readonly context: (plan: Plan) => Record<string, unknown>;
}

export interface Schedule {
  readonly kind: ScheduleSpec["kind"];
  /** One line, for `init` and the README. */
  readonly summary: string;
  /** Divisibility and alignment; knows nothing of VMEM. */
  axisRule(layer: LayerSpec, axis: TileAxis): AxisRule;
  /** Alignment rules of the layer itself (D, F): empty if this schedule can run it. */
  layerProblems(layer: LayerSpec): readonly {
    readonly field: keyof LayerSpec;
    readonly message: string;
    readonly nearest: readonly number[];
  }[];
  /** Columns of the shared experts, of S in all, that lie in the HBM of one of `ep` devices. */
  sharedColumns(layer: LayerSpec, ep: number): number;
  /** Lowers one bucket on one device. Pure arithmetic: does not judge whether it fits. */
  lower(input: LowerInput): KernelPlan;
  /** How products with quantised weights are made and what that costs, for `explain`. */
  dequantizationText?(plan: Plan): string | undefined;
  /** What quantised rows mean on each device and between devices, for `explain`. */
  rowsText?(plan: Plan): readonly string[];
  /** What the tile table says of legal tiles, for its template. */
  tableContext(plan: Plan): Record<string, unknown>;
  /** Files that only this schedule has (kernel.py); the common ones are in `src/emit`. */
  files(plan: Plan): readonly PackageFile[];
}
