/** Kinds of values, checked one by one into findings: the vocabulary of `shape.ts`. */

import { LARGEST_SIZE } from "../../plan/divisors.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { show } from "../../spec/show.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { isSize } from "../numbers.ts";
import { closest, meantBy } from "./meant.ts";

export type Dict = Readonly<Record<string, unknown>>;

/** Names that the spec may use, from the registries. */
export interface Vocabulary {
  readonly devices: readonly string[];
  readonly schedules: Readonly<Record<string, Pick<Schedule, "axes" | "options">>>;
}

/**
 * Collects findings about values of unknown type. Each method checks one value and reports it at
 * its path; those that return a value give one that is safe to read on from.
 */
export class Kinds {
  readonly findings: Finding[] = [];
  readonly #missing: { readonly path: SpecPath }[] = [];

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

  /** `forms`: what else is legal, as a reader would write it. */
  oneOf(
    path: SpecPath,
    value: unknown,
    legal: readonly string[],
    forms: readonly string[] = [],
  ): void {
    if (typeof value === "string" && legal.includes(value)) return;
    const all = [...legal.map((name) => JSON.stringify(name)), ...forms];
    const meant = typeof value === "string" ? closest(value, legal) : undefined;
    this.wrong(path, value, all.join(", "), meant === undefined ? legal : [meant]);
  }

  positive(path: SpecPath, value: unknown): void {
    if (isSize(value)) return;
    if (typeof value !== "number") {
      this.wrong(path, value, "a positive integer");
      return;
    }
    const rounded = Math.max(1, Math.round(value));
    this.findings.push({
      code: "MOE103",
      severity: "error",
      path,
      message:
        value > LARGEST_SIZE
          ? `${label(path)} = ${show(value)} exceeds ${LARGEST_SIZE}, the largest size`
          : `${label(path)} = ${show(value)} is not a positive integer`,
      nearest: isSize(rounded) ? [rounded] : [],
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
      const meant = meantBy(key, path, known);
      this.findings.push({
        code: "MOE102",
        severity: "error",
        path: [...path, key],
        at: "key",
        message: `${where} has no ${key}${meant === undefined ? "" : `; ${meant.hint}`}`,
        rule: `${where} has: ${known.join(", ")}`,
        nearest: meant?.name === undefined ? [] : [meant.name],
        ...(meant === undefined ? {} : { insteadOf: meant.path }),
      });
    }
  }

  /** All of them; what is missing under its own name is told once, by the name it has. */
  told(): readonly Finding[] {
    const missing = new Set(this.#missing.map(({ path }) => path.join()));
    const meant = new Set<string>();
    const found = this.findings.map((finding) => {
      const { insteadOf, ...plain } = finding;
      const instead = insteadOf?.join() ?? "";
      if (insteadOf === undefined || meant.has(instead) || !missing.has(instead)) return plain;
      meant.add(instead);
      return finding;
    });
    return found.filter(({ path, at }) => at === "key" || !meant.has(path.join()));
  }

  wrong(path: SpecPath, value: unknown, wanted: string, nearest: readonly string[] = []): void {
    const name = label(path);
    if (value === undefined) this.#missing.push({ path });
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
