/** Fields of a `config.json` with the default of the family's configuration class. */
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { depthOf, isWhole, listLengths } from "./depth.ts";

/** A value that a config may state under any of its names, or leave to its configuration class. */
export interface Field<T> {
  readonly names: readonly string[];
  /** What the family's configuration class has where the config says nothing. */
  readonly otherwise: T;
}

/**
 * A value under any of `names`, the first that is stated; `otherwise` is the default of the
 * family's configuration class.
 */
export function field<T>(otherwise: T, ...names: readonly string[]): Field<T> {
  return { names, otherwise };
}

const isField = (value: unknown): value is Field<unknown> =>
  typeof value === "object" && value !== null && "names" in value;

/** The name of the field that the config states, or undefined. */
export function statedName(config: ConfigReader, names: readonly string[]): string | undefined {
  return names.find((name) => config.get(name) !== undefined);
}

/**
 * A number, or of a list with one for each layer that of the layer which is read, or of all if they are
 * the same. Anything else is reported, and undefined returned.
 */
function oneNumber(config: ConfigReader, layerField: string, name: string): number | undefined {
  const value = config.get(name);
  if (typeof value === "number") return value;
  const problem = (message: string, nearest: readonly string[] = []): undefined => {
    config.report({ code: "MOE302", layerField, configField: name, message, nearest });
  };
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  if (list.length === 0) {
    return problem(`${name} is ${show(value)}, not a number, needed for ${layerField}`);
  }
  const depth = depthOf(config);
  if (depth !== undefined && !listLengths(config, depth).includes(list.length)) {
    return problem(`${name} has ${list.length} entries, the model has ${depth} layers`);
  }
  if (depth !== undefined && isWhole(config.layer, 0, depth - 1)) {
    const one = list[config.layer];
    if (typeof one === "number") return one;
    return problem(`${name} of layer ${config.layer} is ${show(one)}, not a number`);
  }
  const distinct = [...new Set(list)];
  const [first] = distinct;
  if (distinct.length === 1 && typeof first === "number") return first;
  const numbers = distinct.filter((one) => typeof one === "number").map(String);
  return problem(
    `${name} differs between the layers: ${layerField} says which the kernel is for`,
    numbers,
  );
}

/** A size that every config states; a problem and 0 where it does not, so that all else is read. */
export function sizeOf(config: ConfigReader, layerField: string, names: readonly string[]): number {
  const name = statedName(config, names);
  if (name !== undefined) return oneNumber(config, layerField, name) ?? 0;
  return config.size(layerField, ...names);
}

/**
 * What the config states or leaves to its class, or `value` as it is. Of a list the number of the layer
 * that is read is taken, or that of all where they are the same; anything else is reported as MOE302 for `layerField`.
 */
export function numberOf(
  config: ConfigReader,
  layerField: string,
  value: number | Field<number>,
): number {
  if (!isField(value)) return value;
  const name = statedName(config, value.names);
  if (name === undefined) return value.otherwise;
  return oneNumber(config, layerField, name) ?? value.otherwise;
}

/**
 * What the config states or leaves to its class, or `value` as it is; what is neither true nor
 * false is reported as MOE305 for `layerField`.
 */
export function flagOf(
  config: ConfigReader,
  layerField: string,
  value: boolean | Field<boolean>,
): boolean {
  if (!isField(value)) return value;
  const name = statedName(config, value.names);
  if (name === undefined) return value.otherwise;
  const stated = config.get(name);
  if (typeof stated === "boolean") return stated;
  config.report({
    code: "MOE305",
    layerField,
    configField: name,
    message: `${name} is ${show(stated)}, neither true nor false`,
    nearest: ["true", "false"],
  });
  return value.otherwise;
}
