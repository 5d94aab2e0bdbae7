/** One device of the event simulation: where it is, its clock, and what it waits for. */
import type { Step } from "../step.ts";
import { Account } from "./account.ts";
import { Cursor } from "./cursor.ts";
import { Hbm } from "./hbm.ts";

export interface Runner {
  readonly cursor: Cursor;
  readonly hbm: Hbm;
  readonly account: Account;
  /** Seconds. */
  time: number;
  /** Copies started and not waited for, oldest first, by stream. */
  readonly inFlight: Map<string, number[]>;
  readonly sent: Map<string, number>;
  readonly received: Map<string, number>;
  /** What it cannot go on without. */
  blocked?:
    | { readonly stream: string; readonly upTo: number }
    | { readonly tag: string; readonly stream: string }
    | { readonly barrier: string };
  ended: boolean;
}

/** A device at the start of its steps; `rate`: bytes a second of its HBM. */
export function runnerOf(steps: readonly Step[], device: number, rate: number): Runner {
  return {
    cursor: new Cursor(steps, device),
    hbm: new Hbm(rate),
    account: new Account(),
    time: 0,
    inFlight: new Map(),
    sent: new Map(),
    received: new Map(),
    ended: false,
  };
}
