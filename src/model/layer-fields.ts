/** Fields of a config that say which of its layers are meant. */
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { isWhole, listLengths, refuseLayers, statedWhole } from "./depth.ts";
import { type Field, statedName } from "./field.ts";

/**
 * A whole number from `least` to `most`, as the config states it or leaves it to its class; anything else
 * is reported, and the class's value returned.
 */
export function wholeOf(
  config: ConfigReader,
  value: number | Field<number>,
  least: number,
  most: number,
): number {
  if (typeof value === "number") return value;
  const name = statedName(config, value.names);
  if (name === undefined) return value.otherwise;
  return statedWhole(config, name, least, most) ?? value.otherwise;
}

/**
 * One entry a layer, each a key of `meaning`; undefined: it is not stated, or what is wrong with it is
 * reported.
 */
export function entriesOf<T>(
  config: ConfigReader,
  name: string,
  depth: number,
  meaning: ReadonlyMap<unknown, T>,
): readonly T[] | undefined {
  const list = config.get(name);
  if (list === undefined) return undefined;
  if (!Array.isArray(list) && typeof list !== "string") {
    refuseLayers(config, name, `${name} is ${show(list)}, not a list with an entry a layer`);
    return undefined;
  }
  const entries: readonly unknown[] = typeof list === "string" ? [...list] : list;
  if (!listLengths(config, depth).includes(entries.length)) {
    const message = `${name} has ${entries.length} entries, the model has ${depth} layers`;
    refuseLayers(config, name, message);
    return undefined;
  }
  const strange = entries.findIndex((one) => !meaning.has(one));
  if (strange !== -1) {
    const known = [...meaning.keys()].map(show);
    const message = `${name} of layer ${strange} is ${show(entries[strange])}, which is none of ${known.join(", ")}`;
    refuseLayers(config, name, message);
    return undefined;
  }
  return entries.map((one) => meaning.get(one) as T);
}

/** Indices that a list names; undefined: none is stated, or what is wrong is reported. */
export function indicesOf(
  config: ConfigReader,
  name: string,
  depth: number,
): ReadonlySet<number> | undefined {
  return indicesIn(config, name, depth, config.get(name));
}

/** The same of a list or a text "3,4,5". */
export function textIndicesOf(
  config: ConfigReader,
  name: string,
  depth: number,
): ReadonlySet<number> | undefined {
  const stated = config.get(name);
  return indicesIn(config, name, depth, typeof stated === "string" ? textItems(stated) : stated);
}

function indicesIn(
  config: ConfigReader,
  name: string,
  depth: number,
  items: unknown,
): ReadonlySet<number> | undefined {
  if (items === undefined) return undefined;
  if (!Array.isArray(items)) {
    refuseLayers(config, name, `${name} is ${show(items)}, not a list of layers`);
    return undefined;
  }
  const list: readonly unknown[] = items;
  const most = Math.max(...listLengths(config, depth)) - 1;
  const strange = list.findIndex((one) => !isWhole(one, 0, most));
  if (strange !== -1) {
    const message = `${name} names layer ${show(list[strange])}, the model has layers 0 to ${depth - 1}`;
    refuseLayers(config, name, message);
    return undefined;
  }
  return new Set(list as readonly number[]);
}

/** Numbers as Step's modelling code takes them from a text: what is between commas, but for nothing. */
const textItems = (text: string): readonly unknown[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map((item) => (/^\d+$/.test(item) ? Number(item) : item));
