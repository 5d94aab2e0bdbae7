/** The loops of a stage's code. */

/** What a loop inside a stage goes over; its trips are those of one run of the stage, all in all. */
export interface StageLoop {
  readonly over:
    | "own tokens"
    /** The same without those that a pass or a device is filled up with. */
    | "real tokens"
    /** Of one list, where a pass has several. */
    | "listed tokens"
    | "all tokens"
    | "peer tokens"
    /** Rows of one expert, or of one row tile where the stage runs for each. */
    | "rows"
    /** The same, each device's rows by themselves. */
    | "rows of each device"
    /** Of an expert where the stage runs for each; else of all local experts. */
    | "row tiles"
    /** Of all local experts: rows that stay at hand while weights stream by. */
    | "row blocks"
    /** Of weights: tiles of F. */
    | "columns"
    /** Steps of a collective. */
    | "copies"
    | "devices"
    | "peers"
    | "local experts";
  /** How many one trip takes. */
  readonly each: number;
  /** Trips of one run of the stage, where they are the same whatever the routing. */
  readonly fixed?: number;
  /** The stage stands in it and runs for each of its trips: what else its body has is the stage's own. */
  readonly around?: true;
}
