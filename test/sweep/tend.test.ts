import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { STORE_SCHEMA, type SweepRecord } from "../../src/sweep/record.ts";
import { Store } from "../../src/sweep/store.ts";
import { exported, heldIn, mergeStores, openStore, tidyStore } from "../../src/sweep/tend.ts";
import { emptyFolder, moegen, onlyObject } from "../cli/moegen.ts";
import { countingPython } from "../runner/known.ts";
import { dropped, measured } from "./records.ts";

const quiet = () => {};

/** A store with these records, each sweep's in a file of its own. */
function storeOf(...sweeps: readonly (readonly SweepRecord[])[]): string {
  const folder = join(emptyFolder(), "s");
  for (const records of sweeps) {
    const store = Store.open(folder);
    for (const record of records) store.append(record);
  }
  return folder;
}

const keysOf = (folder: string) =>
  Store.open(folder)
    .records.map(({ key }) => key)
    .sort();

describe("stores", () => {
  it("merge: what says more wins, whichever has it, and nothing is added twice", () => {
    const lost = dropped("crash", { bt: 16 });
    const into = storeOf([measured(200), lost]);
    const proved = { ...measured(200), numerics: { error: 1e-3 } };
    const one = storeOf([proved, measured(150, { bt: 128 })]);
    const two = storeOf([measured(300, { bt: 16 }), dropped("timeout", { bt: 128 })]);
    expect(mergeStores(into, [one, two], quiet)).toEqual({ added: 3, records: 3 });
    const { records } = Store.open(into);
    expect(records).toContainEqual(proved);
    expect(records).toContainEqual(measured(150, { bt: 128 }));
    expect(records).toContainEqual(measured(300, { bt: 16 }));
    expect(mergeStores(into, [one, two], quiet)).toEqual({ added: 0, records: 3 });
  });

  it("gc: a line a candidate in one file, and what a sweep adds meanwhile is kept", () => {
    const folder = storeOf(
      [measured(200), measured(210, { bt: 32 })],
      [{ ...measured(200), numerics: { error: 1e-3 } }],
    );
    const writing = Store.open(folder);
    writing.append(measured(220, { bt: 48 }));
    // Half a line, of a sweep that writes right now: it is no loss.
    const [name = ""] = readdirSync(folder);
    appendFileSync(join(folder, name), '{"schema":');
    expect(tidyStore(folder, quiet)).toMatchObject({ files: 3, records: 3 });
    writing.append(measured(230, { bt: 80 }));
    expect(keysOf(folder)).toHaveLength(4);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(Store.open(folder).records).toContainEqual({
      ...measured(200),
      numerics: { error: 1e-3 },
    });
  });

  it("are data: what is cut, of another type or of somebody else is skipped, kept and counted", () => {
    const folder = storeOf([measured(200)]);
    const { estimate: _, ...cut } = measured(210, { bt: 32 });
    const odd = [
      cut,
      { schema: STORE_SCHEMA, key: "a", status: "ok" },
      { ...measured(220), key: "__proto__" },
      { ...measured(230), spec: "x\u001b[31mEVIL" },
      { ...dropped("vmem"), tiles: { bt: "16", bf: 1, bd: 1 } },
    ];
    writeFileSync(join(folder, "z.jsonl"), odd.map((one) => `${JSON.stringify(one)}\n`).join(""));
    mkdirSync(join(folder, "x.jsonl"));
    symlinkSync(join(folder, "gone"), join(folder, "y.jsonl"));
    const said: string[] = [];
    expect(openStore(folder, (text) => said.push(text)).records).toEqual([measured(200)]);
    expect(said).toEqual([
      `${join(folder, "x.jsonl")} is no file: left out`,
      `${join(folder, "y.jsonl")} is no file: left out`,
      "z.jsonl: 5 lines are not a record of a sweep; skipped and kept",
    ]);
    expect(heldIn(Store.open(folder).records)).toHaveLength(1);
  });

  it("merge: a file that has no record, and what is neither file nor folder, are refused", () => {
    const into = storeOf([measured(200)]);
    const noise = join(emptyFolder(), "bin.tar.gz");
    writeFileSync(noise, "\u0001\n{\n");
    expect(() => mergeStores(into, [noise], quiet)).toThrow(`${noise} has no record of a sweep`);
    expect(() => mergeStores(into, ["/dev/null"], quiet)).toThrow("neither a folder nor a file");
    expect(keysOf(into)).toHaveLength(1);
  });

  it("gc: half a line is kept, and not counted as dropped", () => {
    const folder = storeOf([measured(200)]);
    const [name = ""] = readdirSync(folder);
    appendFileSync(join(folder, name), '{"schema":');
    expect(tidyStore(folder, quiet)).toEqual({ files: 1, records: 1, dropped: 0 });
  });

  it("gc: lines and files of somebody else stay, and a folder that is no store is refused", () => {
    const folder = storeOf([measured(200)]);
    const [mixed = ""] = readdirSync(folder);
    appendFileSync(join(folder, mixed), "a note\n");
    const theirs = join(folder, "theirs.jsonl");
    writeFileSync(theirs, '{"a":1}\n{"b"');
    expect(tidyStore(folder, quiet)).toEqual({ files: 1, records: 1, dropped: 0 });
    expect(readFileSync(theirs, "utf8")).toBe('{"a":1}\n{"b"');
    const [made = ""] = readdirSync(folder).filter((name) => name !== "theirs.jsonl");
    expect(readFileSync(join(folder, made), "utf8").endsWith("\na note\n")).toBe(true);
    const other = emptyFolder();
    writeFileSync(join(other, "notes.txt"), "x");
    expect(() => tidyStore(other, quiet)).toThrow(`${other} is no store`);
  });

  it("gc: what one that was killed left in the middle is no loss", () => {
    const folder = storeOf([measured(200)]);
    writeFileSync(
      join(folder, "x.jsonl.leaving"),
      `${JSON.stringify(measured(210, { bt: 32 }))}\n`,
    );
    expect(keysOf(folder)).toHaveLength(1);
    expect(tidyStore(folder, quiet).records).toBe(2);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it("a store of a newer moegen, or none, is refused and left as it is", () => {
    const into = storeOf([measured(200)]);
    const newer = join(emptyFolder(), "n");
    mkdirSync(newer);
    const line = `{"schema":${STORE_SCHEMA + 1},"key":"k","status":"ok"}\n`;
    writeFileSync(join(newer, "x.jsonl"), line);
    for (const act of [
      () => mergeStores(into, [newer], quiet),
      () => mergeStores(newer, [into], quiet),
      () => tidyStore(newer, quiet),
      () => openStore(newer, quiet),
    ]) {
      expect(act).toThrow("use a newer moegen");
    }
    expect(readdirSync(newer)).toEqual(["x.jsonl"]);
    expect(readFileSync(join(newer, "x.jsonl"), "utf8")).toBe(line);
    expect(() => mergeStores(into, [join(newer, "no")], quiet)).toThrow("there is no store");
    expect(keysOf(into)).toHaveLength(1);
  });

  it("ls and export: what there is, and its lines as another store reads them", () => {
    const folder = storeOf([measured(200), dropped("vmem", { bt: 512 })]);
    const { records } = Store.open(folder);
    expect(heldIn(records)).toEqual([
      expect.objectContaining({ bucket: "decode", device: "v6e", measured: 1, dropped: 1 }),
    ]);
    const other = join(emptyFolder(), "o");
    mkdirSync(other);
    writeFileSync(join(other, "all.jsonl"), exported(records));
    expect(keysOf(other)).toEqual(keysOf(folder));
  });

  it("merge takes what others exported, whole or cut off on its way, while a sweep writes", () => {
    const line = (record: SweepRecord) => `${JSON.stringify(record)}\n`;
    const cloud = emptyFolder();
    const [ann, bob] = [join(cloud, "ann.jsonl"), join(cloud, "bob.jsonl")];
    writeFileSync(ann, exported([measured(200), dropped("vmem", { bt: 512 })]));
    const whole = line(measured(150, { bt: 128 }));
    writeFileSync(bob, `${whole}${line(measured(100, { bt: 64 })).slice(0, 40)}`);
    // Not of the store, beside them.
    writeFileSync(join(cloud, "other.jsonl"), line(measured(1, { bt: 16 })));
    const into = storeOf([measured(210, { bt: 32 })]);
    const writing = Store.open(into);
    const said: string[] = [];
    expect(mergeStores(into, [ann, bob], (text) => said.push(text))).toMatchObject({ added: 3 });
    writing.append(measured(220, { bt: 48 }));
    expect(keysOf(into)).toHaveLength(5);
    expect(said).toEqual(["bob.jsonl: the last record is incomplete; skipped and kept"]);
    expect(readdirSync(cloud)).toHaveLength(3);
    writeFileSync(ann, `{"schema":${STORE_SCHEMA + 1},"key":"k","status":"ok"}\n`);
    expect(() => mergeStores(into, [ann], quiet)).toThrow("use a newer moegen");
  });
});

describe("moegen store", () => {
  it("merges, exports and forgets what was compiled, and says what wrong use is", async () => {
    const cwd = emptyFolder();
    const [one, two] = [storeOf([measured(200)]), storeOf([measured(150, { bt: 128 })])];
    const merged = await moegen(["store", "merge", one, two, "--json"], { cwd });
    expect(onlyObject(merged)).toMatchObject({ status: "ok", added: 1, records: 2 });
    const ran = await moegen(["store", "export", one, "-o", "all.jsonl"], { cwd });
    expect(ran.code).toBe(0);
    expect(readFileSync(join(cwd, "all.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
    const { env, cache } = countingPython(cwd);
    const shard = join(cache, "ab");
    mkdirSync(shard, { recursive: true });
    const name = `ab${"0".repeat(62)}.json.gz`;
    for (const file of [name, "notes.txt"]) writeFileSync(join(shard, file), "x");
    await moegen(["store", "gc", "--compiled"], { cwd, env });
    expect(readdirSync(shard)).toEqual(["notes.txt"]);
    for (const args of [["lst"], ["merge", one], ["export", one], ["ls", one, two]]) {
      expect((await moegen(["store", ...args], { cwd })).code).toBe(64);
    }
  });
});
