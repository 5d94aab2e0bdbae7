/**
 * What the compiler made of a kernel, remembered by all that decides it: its source, its call, the
 * compiler and its settings. Whoever asks again starts no compiler. An entry is data: one that is
 * damaged, too large or of another shape is as good as none, and nothing of it is run.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { CompileRequest, RawTarget } from "../raw.ts";
import { isLasting } from "./raw-shape.ts";
import type { Toolchain } from "./toolchain.ts";

/** Raised when what stands in an entry changes its meaning. */
const SCHEMA = 1;
/** A schedule in pieces is some 50 kB, packed a tenth of it. */
const MOST_BYTES = 8 << 20;
const MOST_UNPACKED = 64 << 20;
/** In each of 256 folders; of more the half that was not asked for longest goes. */
const MOST_ENTRIES = 40;
const SUFFIX = ".json.gz";

/** Where entries are kept unless `MOEGEN_COMPILE_CACHE` names a folder. */
function usualFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "moegen", "compiled");
}

export interface CacheSize {
  readonly folder: string;
  readonly entries: number;
  readonly bytes: number;
}

/** Files by path, their order of no matter. */
export type Sources = ReadonlyMap<string, string>;

/** Reading and writing never throw: what cannot be read is unknown, what cannot be written is lost. */
export class CompileCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** The user's; undefined where `MOEGEN_COMPILE_CACHE` is "off". */
  static usual(): CompileCache | undefined {
    const chosen = process.env.MOEGEN_COMPILE_CACHE;
    return chosen === "off" ? undefined : new CompileCache(chosen || usualFolder());
  }

  /** Of what is compiled: the name of its entry. */
  static keyOf(files: Sources, request: CompileRequest, toolchain: Toolchain): string {
    const hash = createHash("sha256");
    for (const [path, source] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${path.length} ${source.length} ${path}${source}`);
    }
    const { layer, slices, tokens, tokenAxes } = request;
    hash.update(JSON.stringify([SCHEMA, layer, slices, tokens, tokenAxes, toolchain]));
    return hash.digest("hex");
  }

  /** Undefined where nothing is known, or what is there is no answer of a compiler. */
  get(key: string): RawTarget | undefined {
    const path = this.#pathOf(key);
    try {
      const found = lstatSync(path);
      // A pipe would be waited for, a link may lead anywhere.
      if (!found.isFile() || found.size > MOST_BYTES) return undefined;
      const limits = { maxOutputLength: MOST_UNPACKED };
      const entry: unknown = JSON.parse(gunzipSync(readFileSync(path), limits).toString("utf8"));
      if (typeof entry !== "object" || entry === null) return undefined;
      if (Reflect.get(entry, "key") !== key) return undefined;
      const raw: unknown = Reflect.get(entry, "raw");
      if (!isLasting(raw)) return undefined;
      // What is asked for stays longest.
      const now = new Date();
      utimesSync(path, now, now);
      return raw;
    } catch {
      return undefined;
    }
  }

  /** Keeps an answer that another run would give as well; writers at the same time do no harm. */
  keep(key: string, raw: RawTarget): void {
    if (!isLasting(raw)) return;
    const path = this.#pathOf(key);
    const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
    try {
      const shard = this.#shardOf(key);
      mkdirSync(shard, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, gzipSync(JSON.stringify({ key, raw })), { flag: "wx" });
      renameSync(temporary, path);
      prune(shard);
    } catch {
      takeAway(temporary);
    }
  }

  /** What is there. */
  size(): CacheSize {
    const files = this.#files();
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    return { folder: this.folder, entries: files.length, bytes };
  }

  /** Takes all entries away, and nothing else that may stand in the folder. */
  clear(): CacheSize {
    const before = this.size();
    for (const { path } of this.#files()) rmSync(path, { force: true });
    return before;
  }

  #files(): readonly Entry[] {
    return namesIn(this.folder)
      .filter((name) => /^[0-9a-f]{2}$/.test(name))
      .flatMap((name) => entriesOf(join(this.folder, name)));
  }

  #shardOf(key: string): string {
    return join(this.folder, key.slice(0, 2));
  }

  #pathOf(key: string): string {
    return join(this.#shardOf(key), `${key}${SUFFIX}`);
  }
}

function takeAway(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A folder that cannot be written costs time and nothing else.
  }
}

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly time: number;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Entries, and what a writer that was killed left half written. */
function entriesOf(folder: string): readonly Entry[] {
  return namesIn(folder)
    .filter((name) => /^[0-9a-f]{64}\.json\.gz(\.[0-9a-f-]+\.tmp)?$/.test(name))
    .flatMap((name) => {
      const path = join(folder, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      return found === undefined ? [] : [{ path, size: found.size, time: found.mtimeMs }];
    });
}

function prune(folder: string): void {
  const entries = entriesOf(folder);
  if (entries.length <= MOST_ENTRIES) return;
  const newest = [...entries].sort((a, b) => b.time - a.time);
  for (const { path } of newest.slice(MOST_ENTRIES / 2)) rmSync(path, { force: true });
}
