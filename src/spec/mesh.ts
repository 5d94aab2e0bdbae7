/** The devices that the experts are spread over, and those that share each expert. */
export interface MeshSpec {
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Mesh axes that expert parallelism spans, outermost first. */
  readonly axes: readonly [string, ...string[]];
  /** Devices that each expert's intermediate columns are cut over, 2 or more. Absent: they are whole. */
  readonly tp?: number;
  /** Mesh axes that those span, outermost first, all of them inside `axes`. Absent: no `tp`. */
  readonly tpAxes?: readonly [string, ...string[]];
  /**
   * Those of `axes` and `tpAxes` that tokens come and leave sharded over, outermost first; on the
   * others they are replicated. Absent: all of them.
   */
  readonly tokenAxes?: readonly string[];
  /** Experts of zero weights were asked for, and none are needed: where some are, the layer says so. */
  readonly padExperts?: true;
}

/** Devices in all: those that experts are spread over, times those that share each of them. */
export function devicesOf({ ep, tp = 1 }: Pick<MeshSpec, "ep" | "tp">): number {
  return ep * tp;
}

/** Axes of them all, outermost first. */
export function axesOf({ axes, tpAxes }: Pick<MeshSpec, "axes" | "tpAxes">): readonly string[] {
  return tpAxes === undefined ? axes : [...axes, ...tpAxes];
}

/** How the layer is spread, in words: "ep 2", "ep 2 x tp 4". */
export function spreadText({ ep, tp }: Pick<MeshSpec, "ep" | "tp">): string {
  return tp === undefined ? `ep ${ep}` : `ep ${ep} x tp ${tp}`;
}
