import type { Schedule } from "../../schedule/schedule.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Device } from "../../target/device/device.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";

/** What a rule may look at. A rule asks `sound` before it reads a part of the spec. */
export interface RuleContext {
  readonly spec: MoeSpec;
  sound(...path: SpecPath): boolean;
  /** Undefined where the spec names no known schedule. */
  readonly schedule: Schedule | undefined;
  readonly devices: Readonly<Record<string, Device>>;
}

export type Rule = (context: RuleContext) => readonly Finding[];

type Said = Omit<Finding, "severity" | "nearest"> & Partial<Pick<Finding, "nearest">>;

/** A finding that makes the spec illegal; `nearest` is empty where it is not given. */
export function error(said: Said): Finding {
  return { severity: "error", nearest: [], ...said };
}

/** A finding that leaves the spec legal; `nearest` is empty where it is not given. */
export function warning(said: Said): Finding {
  return { severity: "warning", nearest: [], ...said };
}
