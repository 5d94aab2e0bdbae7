/**
 * Records of sweeps in one folder of JSON-lines files. Every sweep appends to a file of its own, so
 * that sweeps at the same time do not meet, and stores merge by copying files together. Lines are
 * only ever added.
 */

import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isRecord } from "./is-record.ts";
import { STORE_SCHEMA, type SweepRecord, weightOf } from "./record.ts";

/** The folder cannot be used; told apart by its name. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const SUFFIX = ".jsonl";

/** Whether there is a file, or a link to one; nothing else is read. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function schemaOf(value: unknown): number | undefined {
  const schema: unknown =
    typeof value === "object" && value !== null ? Reflect.get(value, "schema") : undefined;
  return typeof schema === "number" ? schema : undefined;
}

/** A line that is skipped: of another kind, cut, or of somebody who would write to a terminal. */
const NO_RECORD = "not a record of a sweep; skipped and kept";

/**
 * The records of a folder, the fullest of each candidate, and this sweep's own file. `open` and
 * `refresh` throw StoreError for a path that is no folder and for records of a newer moegen;
 * `append` throws the system's error.
 */
export class Store {
  readonly folder: string;
  /** This sweep's own file; made with the first record. */
  readonly #file: string;
  readonly #read = new Map<string, { offset: number; rest: string }>();
  readonly #records = new Map<string, SweepRecord>();
  readonly #warn: (text: string) => void;
  /** Lines that are no records, by file. */
  readonly #skipped = new Map<string, number>();
  /** Entries of the folder that are no files, said once. */
  readonly #odd = new Set<string>();
  /** The last append may have left half a line. */
  #torn = false;
  /** Records whose times an older moegen reckoned. */
  #older = 0;

  /** The one file that is read, of a folder that is no store; absent: all. */
  readonly #only: string | undefined;

  private constructor(
    folder: string,
    file: string,
    warn: (text: string) => void,
    only: string | undefined,
  ) {
    this.folder = folder;
    this.#file = file;
    this.#warn = warn;
    this.#only = only;
  }

  /** What `export` wrote, wherever it was copied since. Throws as `open`. */
  static exported(path: string, warn: (text: string) => void): Store {
    const store = new Store(dirname(path), path, warn, basename(path));
    store.refresh();
    store.#reportTails();
    return store;
  }

  /** Reads all there is. Refuses a folder with records of a newer moegen before it writes any. */
  static open(
    folder: string,
    options: { readonly warn?: (text: string) => void; readonly file?: string } = {},
  ): Store {
    const { warn = () => {}, file = `${process.pid}-${randomBytes(4).toString("hex")}${SUFFIX}` } =
      options;
    const own = file.startsWith("/") ? file : join(folder, file);
    const store = new Store(folder, own, warn, undefined);
    store.refresh();
    store.#reportTails();
    if (store.#older > 0) {
      warn(`${store.#older} records of an older moegen, with other times: skipped and kept`);
    }
    return store;
  }

  /** Looks what other sweeps have added since. */
  refresh(): void {
    for (const name of this.#files()) this.#readNew(name);
  }

  #files(): readonly string[] {
    if (this.#only !== undefined) return [this.#only];
    try {
      return readdirSync(this.folder)
        .filter((name) => name.endsWith(SUFFIX) && this.#isFile(name))
        .sort();
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
      if (code === "ENOENT") return [];
      if (code === "ENOTDIR") throw new StoreError("store-folder", `${this.folder} is no folder`);
      throw error;
    }
  }

  #isFile(name: string): boolean {
    const path = join(this.folder, name);
    if (isFile(path)) return true;
    if (!this.#odd.has(name)) this.#warn(`${path} is no file: left out`);
    this.#odd.add(name);
    return false;
  }

  #readNew(name: string): void {
    const path = join(this.folder, name);
    const state = this.#read.get(name) ?? { offset: 0, rest: "" };
    const size = statSync(path).size;
    if (size <= state.offset) return;
    const buffer = Buffer.alloc(size - state.offset);
    const handle = openSync(path, "r");
    try {
      readSync(handle, buffer, 0, buffer.length, state.offset);
    } finally {
      closeSync(handle);
    }
    // Only whole lines are decoded: a character may be cut at the end of what is there yet.
    const end = buffer.lastIndexOf(0x0a) + 1;
    const lines = end === 0 ? [] : buffer.subarray(0, end).toString("utf8").split("\n");
    for (const line of lines) this.#take(line, name);
    const rest = buffer.subarray(end).toString("utf8");
    this.#read.set(name, { offset: state.offset + end, rest });
  }

  #take(line: string, name: string): void {
    if (line.trim() === "") return;
    const value = parse(line);
    const schema = schemaOf(value);
    if (schema !== undefined && schema > STORE_SCHEMA) {
      throw new StoreError(
        "store-schema",
        `${join(this.folder, name)} has records of schema ${schema}; this moegen knows ${STORE_SCHEMA}: use a newer moegen or another --store`,
      );
    }
    if (schema !== undefined && schema < STORE_SCHEMA) {
      this.#older += 1;
      return;
    }
    if (!isRecord(value)) {
      this.#skipped.set(name, (this.#skipped.get(name) ?? 0) + 1);
      return;
    }
    this.#index(value);
  }

  /** A line without its end: a sweep that writes right now, or one that was stopped in it. */
  #reportTails(): void {
    for (const [name, lines] of this.#skipped) {
      this.#warn(`${name}: ${lines === 1 ? "a line is" : `${lines} lines are`} ${NO_RECORD}`);
    }
    this.#skipped.clear();
    for (const [name, { rest }] of this.#read) {
      if (rest === "") continue;
      const value = parse(rest);
      const schema = schemaOf(value);
      if (schema !== undefined && schema > STORE_SCHEMA) this.#take(rest, name);
      if (isRecord(value)) this.#index(value);
      else this.#warn(`${name}: the last record is incomplete; skipped and kept`);
    }
  }

  /** A measured outcome is not replaced by a crash of another run, nor by less than is known. */
  #index(record: SweepRecord): void {
    const known = this.#records.get(record.key);
    if (known !== undefined && weightOf(known) > weightOf(record)) return;
    this.#records.set(record.key, record);
  }

  get(key: string): SweepRecord | undefined {
    return this.#records.get(key);
  }

  get records(): readonly SweepRecord[] {
    return [...this.#records.values()];
  }

  /** Appends what the next sweep can find out again: a full disk is said and costs nothing else. */
  keep(record: SweepRecord): void {
    try {
      this.append(record);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#warn(`what was found out of a candidate is not stored: ${why}`);
    }
  }

  /** Appends one line in one write. Throws where the disk is full; the record then is not stored. */
  append(record: SweepRecord): void {
    this.#index(record);
    const line = `${JSON.stringify(record)}\n`;
    try {
      mkdirSync(this.folder, { recursive: true });
      // After half a line a new one must not be glued to it.
      appendFileSync(this.#file, this.#torn ? `\n${line}` : line);
      this.#torn = false;
    } catch (error) {
      this.#torn = true;
      throw error;
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Whether a line is none of moegen's, of any schema: whoever wrote it may want it. */
export function isForeign(line: string): boolean {
  const value = parse(line);
  const schema = schemaOf(value);
  return !isRecord(value) && (schema === undefined || schema >= STORE_SCHEMA);
}
