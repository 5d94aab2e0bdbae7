import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { STORE_SCHEMA } from "../../src/sweep/record.ts";
import { Store, StoreError } from "../../src/sweep/store.ts";
import { emptyFolder } from "../cli/moegen.ts";
import { dropped, measured } from "./records.ts";

const textOf = (folder: string): string =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("");

describe("the store", () => {
  it("keeps records over runs, two writers at once in files of their own", () => {
    const folder = join(emptyFolder(), "not", "yet");
    const [one, two] = [Store.open(folder), Store.open(folder)];
    one.append(measured(200));
    two.append(measured(190, { bt: 128 }));
    one.append(dropped("vmem", { bt: 256 }));
    expect(readdirSync(folder)).toHaveLength(2);
    // A running sweep sees what another has done meanwhile.
    two.refresh();
    expect(two.get(measured(200).key)).toEqual(measured(200));
    const again = Store.open(folder);
    expect(again.records).toHaveLength(3);
    expect(again.get(dropped("vmem", { bt: 256 }).key)).toMatchObject({ kind: "vmem" });
  });

  it("merges by copying files together", () => {
    const [a, b] = [join(emptyFolder(), "a"), join(emptyFolder(), "b")];
    Store.open(a).append(measured(200));
    Store.open(b).append(measured(190, { bt: 128 }));
    Store.open(b).append(measured(200));
    cpSync(b, a, { recursive: true });
    expect(
      Store.open(a)
        .records.map(({ key }) => key)
        .sort(),
    ).toHaveLength(2);
  });

  it.each([
    ["cut in the middle", (line: string) => line.slice(0, line.length / 2)],
    ["cut inside a character", () => Buffer.from([0x7b, 0x22, 0xe2, 0x82])],
    ["overwritten with garbage", () => "\u0000\u0001garbage\n"],
    ["valid JSON but no record", () => `{"schema":${STORE_SCHEMA}}\n`],
  ])("skips a last record %s, says so, keeps it, and goes on", (_, damage) => {
    const folder = emptyFolder();
    const line = `${JSON.stringify(measured(180, { bt: 32 }))}\n`;
    Store.open(folder).append(measured(200));
    const [name = ""] = readdirSync(folder);
    appendFileSync(join(folder, name), damage(line));
    const before = textOf(folder);
    const said: string[] = [];
    const store = Store.open(folder, { warn: (text) => said.push(text) });
    expect(store.records).toEqual([measured(200)]);
    expect(said).toEqual([expect.stringContaining(`${name}: `)]);
    expect(said[0]).toContain("skipped and kept");
    store.append(measured(190, { bt: 128 }));
    expect(textOf(folder)).toContain(before);
    expect(Store.open(folder).records).toHaveLength(2);
  });

  it("takes a last record that lacks only its line end", () => {
    const folder = emptyFolder();
    writeFileSync(join(folder, "a.jsonl"), JSON.stringify(measured(200)));
    expect(Store.open(folder).records).toHaveLength(1);
  });

  it("refuses records of a newer schema and writes nothing", () => {
    const folder = emptyFolder();
    const newer = { ...measured(200), schema: STORE_SCHEMA + 1 };
    writeFileSync(join(folder, "a.jsonl"), `${JSON.stringify(newer)}\n`);
    expect(() => Store.open(folder)).toThrow(StoreError);
    expect(() => Store.open(folder)).toThrow(/schema 3; this moegen knows 2/);
    expect(readdirSync(folder)).toEqual(["a.jsonl"]);
  });

  it("passes over records of an older schema, says how many, and keeps them", () => {
    const folder = emptyFolder();
    const older = { ...measured(200), schema: STORE_SCHEMA - 1 };
    writeFileSync(join(folder, "a.jsonl"), `${JSON.stringify(older)}\n`.repeat(2));
    const said: string[] = [];
    const store = Store.open(folder, { warn: (text) => said.push(text) });
    expect(store.records).toEqual([]);
    expect(said).toEqual([expect.stringContaining("2 records of an older moegen")]);
    expect(textOf(folder)).toContain(`"schema":${STORE_SCHEMA - 1}`);
  });

  it("says what a full disk did not take, and knows it all the same", () => {
    const said: string[] = [];
    const warn = (text: string) => said.push(text);
    const store = Store.open(emptyFolder(), { file: "/dev/full", warn });
    store.keep(measured(200));
    expect(said).toEqual([expect.stringMatching(/not stored: ENOSPC/)]);
    expect(store.get(measured(200).key)).toEqual(measured(200));
  });

  it("keeps of one candidate what says more, in whatever order it is read", () => {
    const plain = measured(200);
    const proved = { ...plain, numerics: { error: 1e-3 } };
    const wrong = { ...dropped("numerics"), key: plain.key };
    for (const [first, second, kept] of [
      [plain, proved, proved],
      [proved, plain, proved],
      [wrong, proved, wrong],
      [proved, wrong, wrong],
    ] as const) {
      const store = Store.open(emptyFolder());
      store.append(first);
      store.append(second);
      expect(store.get(plain.key)).toEqual(kept);
    }
  });

  it("does not let a crash replace a measurement, but the reverse", () => {
    const folder = emptyFolder();
    const store = Store.open(folder);
    store.append(dropped("crash"));
    store.append(measured(200));
    store.append(dropped("timeout"));
    expect(Store.open(folder).records).toEqual([measured(200)]);
  });

  it("throws where the disk is full, and the next record starts a line of its own", () => {
    const folder = emptyFolder();
    const full = Store.open(folder, { file: "/dev/full" });
    expect(() => full.append(measured(200))).toThrow(/ENOSPC/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says when the folder is a file", () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, "x"));
    writeFileSync(join(folder, "x", "file"), "");
    expect(() => Store.open(join(folder, "x", "file"))).toThrow(/is no folder/);
  });
});
