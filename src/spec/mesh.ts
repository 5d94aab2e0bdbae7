/** The devices that the experts are spread over. */
export interface MeshSpec {
  /** Devices that the experts are spread over. */
  readonly ep: number;
  /** Mesh axes that expert parallelism spans, outermost first. */
  readonly axes: readonly [string, ...string[]];
  /**
   * Those of `axes` that tokens come and leave sharded over, outermost first; on the others they
   * are replicated. Absent: all of `axes`.
   */
  readonly tokenAxes?: readonly string[];
  /** Experts of zero weights were asked for, and none are needed: where some are, the layer says so. */
  readonly padExperts?: true;
}
