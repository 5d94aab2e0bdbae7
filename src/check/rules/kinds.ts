/** Kinds of values, checked one by one into findings: the vocabulary of `shape.ts`. */
import type { Schedule } from "../../schedule/schedule.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { isPositiveInteger, show } from "../numbers.ts";

export type Dict = Readonly<Record<string, unknown>>;

/** Names that the spec may use, from the registries. */
export interface Vocabulary {
  readonly devices: readonly string[];
  readonly schedules: Readonly<Record<string, Pick<Schedule, "axes" | "options">>>;
}

export class Kinds {
  readonly findings: Finding[] = [];

  object(path: SpecPath, value: unknown): Dict | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Dict;
    this.wrong(path, value, "an object");
    return undefined;
  }

  list(path: SpecPath, value: unknown): readonly unknown[] {
    // Array.from, because a hole in an array is a missing value, not one to skip.
    if (Array.isArray(value)) return Array.from(value as readonly unknown[]);
    this.wrong(path, value, "a list");
    return [];
  }

  string(path: SpecPath, value: unknown): void {
    if (typeof value !== "string") this.wrong(path, value, "a string");
  }

  boolean(path: SpecPath, value: unknown): void {
    if (typeof value !== "boolean") this.wrong(path, value, "true or false");
  }

  oneOf(path: SpecPath, value: unknown, legal: readonly string[]): void {
    if (typeof value === "string" && legal.includes(value)) return;
    this.wrong(path, value, legal.map((name) => JSON.stringify(name)).join(", "), legal);
  }

  positive(path: SpecPath, value: unknown): void {
    if (isPositiveInteger(value)) return;
    if (typeof value !== "number") {
      this.wrong(path, value, "a positive integer");
      return;
    }
    this.findings.push({
      code: "MOE103",
      severity: "error",
      path,
      message: `${label(path)} = ${show(value)} is not a positive integer`,
      nearest: Number.isSafeInteger(Math.round(value)) ? [Math.max(1, Math.round(value))] : [],
    });
  }

  factor(path: SpecPath, value: unknown): void {
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return;
    if (typeof value !== "number") {
      this.wrong(path, value, "a number");
      return;
    }
    this.findings.push({
      code: "MOE114",
      severity: "error",
      path,
      message: `${label(path)} = ${show(value)} is not a positive finite number`,
      nearest: [],
    });
  }

  /** Names that are not known are reported at the name; their values are not looked at. */
  keys(path: SpecPath, value: Dict, known: readonly string[]): void {
    const where = path.length === 0 ? "a spec" : label(path);
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      this.findings.push({
        code: "MOE102",
        severity: "error",
        path: [...path, key],
        at: "key",
        message: `${where} has no ${key}`,
        rule: `${where} has: ${known.join(", ")}`,
        nearest: [],
      });
    }
  }

  wrong(path: SpecPath, value: unknown, wanted: string, nearest: readonly string[] = []): void {
    const name = label(path);
    this.findings.push({
      code: "MOE102",
      severity: "error",
      path,
      message: value === undefined ? `${name} is missing` : `${name} = ${show(value)}`,
      rule: `${name} is ${wanted}`,
      nearest,
    });
  }
}

/** The last name in a path, with the index of a list member. */
export function label(path: SpecPath): string {
  const last = path.at(-1);
  if (last === undefined) return "the spec";
  return typeof last === "number" ? `${label(path.slice(0, -1))}[${last}]` : last;
}
