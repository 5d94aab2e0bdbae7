/**
 * Stores as folders that several people fill: merged, tidied, taken out. All of it is safe while
 * sweeps write, since whole files appear at once and what is added meanwhile is kept.
 */
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { STORE_SCHEMA, type SweepRecord, weightOf } from "./record.ts";
import { isFile, isForeign, Store, StoreError } from "./store.ts";

/** A file that is being tidied away: nobody reads it as a part of the store. */
const LEAVING = ".leaving";
const SUFFIX = ".jsonl";
/** How names end that a store may have, one that is just being made as well. */
const OURS = [SUFFIX, LEAVING, ".tmp"];

/** Reads a store that must be there. @throws StoreError: no folder, or of a newer moegen. */
export function openStore(folder: string, warn: (text: string) => void): Store {
  if (!existsSync(folder)) throw new StoreError("store-folder", `there is no store ${folder}`);
  if (!statSync(folder).isDirectory()) {
    throw new StoreError("store-folder", `${folder} is no store: neither a folder nor a file`);
  }
  const names = readdirSync(folder);
  if (names.length > 0 && !names.some((name) => OURS.some((end) => name.endsWith(end)))) {
    throw new StoreError("store-folder", `${folder} is no store: nothing in it ends in ${SUFFIX}`);
  }
  return Store.open(folder, { warn });
}

/** The whole lines that say something. */
function linesOf(read: Buffer): readonly string[] {
  const whole = read.subarray(0, read.lastIndexOf(0x0a) + 1).toString("utf8");
  return whole.split("\n").filter((line) => line.trim() !== "");
}

/** Writes records as one new file of the store; it is there whole or not at all. */
function publish(folder: string, lines: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  const name = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const path = join(folder, `${name}${SUFFIX}`);
  const temporary = join(folder, `${name}.tmp`);
  try {
    writeFileSync(temporary, lines.map((line) => `${line}\n`).join(""), { flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return path;
}

/** @throws StoreError where nothing in the file is a record. */
function exportedStore(path: string, warn: (text: string) => void): Store {
  const store = Store.exported(path, warn);
  if (store.records.length > 0 || statSync(path).size === 0) return store;
  throw new StoreError("store-file", `${path} has no record of a sweep`);
}

export interface Merged {
  /** Records that the store did not have, or had less of. */
  readonly added: number;
  readonly records: number;
}

/**
 * Puts what other stores, or files that `exported` made, know more of into `into`. Throws StoreError for
 * what is no store of ours.
 */
export function mergeStores(
  into: string,
  from: readonly string[],
  warn: (text: string) => void,
): Merged {
  const target = Store.open(into, { warn });
  const others = from.map((path) =>
    isFile(path) ? exportedStore(path, warn) : openStore(path, warn),
  );
  const fuller = new Map<string, SweepRecord>();
  for (const record of others.flatMap(({ records }) => records)) {
    const known = fuller.get(record.key) ?? target.get(record.key);
    if (known === undefined || weightOf(record) > weightOf(known)) fuller.set(record.key, record);
  }
  if (fuller.size > 0) {
    publish(
      into,
      [...fuller.values()].map((record) => JSON.stringify(record)),
    );
  }
  target.refresh();
  return { added: fuller.size, records: target.records.length };
}

export interface Tidied {
  readonly files: number;
  /** Lines that others say more than, or that an older moegen reckoned. */
  readonly dropped: number;
  readonly records: number;
}

/**
 * Makes one file of all, a line a candidate. What a sweep adds meanwhile is kept. Throws StoreError for
 * a store of a newer moegen, which is left as it is.
 */
export function tidyStore(folder: string, warn: (text: string) => void): Tidied {
  // What an earlier run left in the middle is read like the rest.
  for (const name of namesIn(folder, LEAVING)) {
    renameSync(join(folder, name), join(folder, name.slice(0, -LEAVING.length)));
  }
  const store = openStore(folder, warn);
  const found = namesIn(folder, SUFFIX).map((name) => ({
    name,
    read: readFileSync(join(folder, name)),
  }));
  // A file without a line of ours is somebody else's, and stays as it is.
  const before = found.filter(({ read }) => linesOf(read).some((line) => !isForeign(line)));
  store.refresh();
  const { records } = store;
  if (before.length === 0) return { files: 0, dropped: 0, records: records.length };
  const file = publish(
    folder,
    records.map((record) => JSON.stringify(record)),
  );
  let lines = 0;
  for (const { name, read } of before) {
    const path = join(folder, name);
    const leaving = `${path}${LEAVING}`;
    // From here on its sweep begins a new file.
    renameSync(path, leaving);
    const now = readFileSync(leaving);
    // Whole lines are in the new file; half a one may have been finished since.
    const added = now.subarray(read.lastIndexOf(0x0a) + 1).toString("utf8");
    if (added !== "") appendFileSync(file, added.endsWith("\n") ? added : `${added}\n`);
    const foreign = linesOf(read).filter(isForeign);
    if (foreign.length > 0) appendFileSync(file, foreign.map((line) => `${line}\n`).join(""));
    lines += linesOf(read).length - foreign.length;
    rmSync(leaving);
  }
  return {
    files: before.length,
    dropped: Math.max(0, lines - records.length),
    records: records.length,
  };
}

function namesIn(folder: string, suffix: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith(suffix) && isFile(join(folder, name)));
}

/** What a store has of one spec. */
export interface Held {
  readonly spec: string;
  readonly bucket: string;
  readonly device: string;
  readonly measured: number;
  readonly dropped: number;
}

/** By spec, bucket and device. */
export function heldIn(records: readonly SweepRecord[]): readonly Held[] {
  const groups = new Map<string, Held>();
  for (const { spec, bucket, device, status } of records) {
    const key = JSON.stringify([spec, bucket, device]);
    const held = groups.get(key) ?? { spec, bucket, device, measured: 0, dropped: 0 };
    const [measured, dropped] = status === "ok" ? [1, 0] : [0, 1];
    const counts = { measured: held.measured + measured, dropped: held.dropped + dropped };
    groups.set(key, { ...held, ...counts });
  }
  return [...groups.values()];
}

/** All records as a store's own lines. */
export function exported(records: readonly SweepRecord[]): string {
  const current = records.filter(({ schema }) => schema === STORE_SCHEMA);
  return current.map((record) => `${JSON.stringify(record)}\n`).join("");
}
