import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, moegen, onlyObject, qwen } from "../cli/moegen.ts";
import { until } from "../cli/processes.ts";
import { faulty } from "./faulty.ts";

interface Swept {
  readonly status: string;
  readonly search: string;
  readonly candidates: number;
  readonly progress: {
    readonly done: number;
    readonly known: number;
    readonly compiled: number;
    readonly failures: Readonly<Record<string, number>>;
  };
  readonly records: readonly {
    readonly status: string;
    readonly stage?: string;
    readonly kind?: string;
    readonly reason?: string;
    readonly key: string;
    readonly bundles?: number;
  }[];
  readonly winners: readonly { readonly bucket: string }[];
}

const TILES = ["--tiles", "bt=16,32,48,64,80,96,112,128", "--bucket", "decode", "--device", "v6e"];

describe("moegen sweep with a worker that breaks", () => {
  it("loses one candidate to each fault, counts it by kind, and resumes", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, ["abort", "kill", "hang", "disk", "garbage", "refuse"]);
    const args = ["sweep", qwen, ...TILES, "--store", "s", "--timeout", "2s", "--json"];
    const first = await moegen(args, { cwd, env });
    expect(first.code).toBe(0);
    const swept = onlyObject(first) as unknown as Swept;
    expect(swept).toMatchObject({ status: "ok", search: "grid", candidates: 8 });
    expect(swept.progress).toMatchObject({ done: 8, known: 0, compiled: 8 });
    expect(swept.progress.failures).toEqual({ crash: 2, timeout: 1, disk: 1, compiler: 1 });
    const lost = swept.records.filter(({ status }) => status === "dropped");
    expect(lost.every(({ stage, reason }) => stage === "compile" && reason)).toBe(true);
    expect(swept.winners).toMatchObject([{ bucket: "decode" }]);
    expect(first.stderr).toContain("dropped: ");
    // What may come out otherwise is tried again; what the compiler refused is not.
    const second = onlyObject(await moegen(args, { cwd, env })) as unknown as Swept;
    expect(second.progress).toMatchObject({ done: 8, known: 4, compiled: 4 });
    expect(second.progress.failures).toEqual({ compiler: 1 });
    const third = onlyObject(await moegen(args, { cwd, env })) as unknown as Swept;
    expect(third.progress).toMatchObject({ done: 8, known: 8, compiled: 0 });
  });

  it("keeps each candidate that the plan refuses, with stage and reason", async () => {
    const cwd = emptyFolder();
    const tiles = ["--tiles", "bt=64,100,512", "bf=768", "--bucket", "prefill", "--device", "v7x"];
    const ran = await moegen(["sweep", qwen, ...tiles, "--store", "s", "--json"], {
      cwd,
      env: faulty(cwd, []),
    });
    const { records } = onlyObject(ran) as unknown as Swept;
    const refused = records.filter(({ status }) => status === "dropped");
    expect(refused).toEqual([
      expect.objectContaining({
        ...{ stage: "legality", kind: "illegal" },
        reason: expect.stringContaining("bt = 100"),
      }),
    ]);
    const text = readdirSync(join(cwd, "s"))
      .map((name) => readFileSync(join(cwd, "s", name), "utf8"))
      .join("");
    expect(text.trim().split("\n")).toHaveLength(3);
  });

  it("runs twice at once on one store", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, []);
    const args = ["sweep", qwen, ...TILES, "--store", "s", "--jobs", "1", "--json"];
    const started = moegen(args, { cwd, env });
    // In step from the first candidate on, both would compile all of them.
    const stored = () =>
      existsSync(join(cwd, "s")) && Store.open(join(cwd, "s")).records.length > 0;
    expect(await until(stored)).toBe(true);
    const both = await Promise.all([started, moegen(args, { cwd, env })]);
    const [one, two] = both.map((ran) => onlyObject(ran) as unknown as Swept);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const of = (swept: Swept | undefined) =>
      new Map(swept?.records.map(({ key, bundles }) => [key, bundles]));
    expect(of(one)).toEqual(of(two));
    // They share the work: what one has stored the other does not compile.
    expect((one?.progress.compiled ?? 0) + (two?.progress.compiled ?? 0)).toBeLessThan(16);
  });

  it("samples a large space by TPE, best guesses first, within a budget", async () => {
    const cwd = emptyFolder();
    const steps = Array.from({ length: 32 }, (_, i) => 16 * (i + 1)).join(",");
    const tiles = ["--tiles", `bt=${steps}`, "bf=128,256,384,768", "bd=512,1024,2048"];
    const scope = ["--bucket", "decode", "--device", "v6e", "--store", "s"];
    const args = ["sweep", qwen, ...tiles, ...scope, "--budget", "5s", "--json"];
    const ran = await moegen(args, { cwd, env: faulty(cwd, []) });
    expect(ran.code).toBe(0);
    const swept = onlyObject(ran) as unknown as Swept & { readonly stopped: boolean };
    expect(swept).toMatchObject({ search: "tpe", candidates: 384, stopped: true });
    expect(swept.records.length).toBeGreaterThan(8);
    expect(new Set(swept.records.map(({ key }) => key)).size).toBe(swept.records.length);
  });

  it("refuses a newer store before it starts anything", async () => {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, "s"));
    writeFileSync(join(cwd, "s", "x.jsonl"), '{"schema":99,"key":"k","status":"ok"}\n');
    const ran = await moegen(["sweep", qwen, ...TILES, "--store", "s", "--json"], { cwd });
    expect(ran.code).toBe(1);
    expect(onlyObject(ran)).toMatchObject({ status: "failed", error: { code: "store-schema" } });
    expect(readdirSync(join(cwd, "s"))).toEqual(["x.jsonl"]);
  });

  it.each([
    ["tiles of an unknown axis", ["--tiles", "bx=1"], "bt, bf or bd"],
    ["a budget without a unit", ["--budget", "10"], "e.g. 90s"],
    ["an unknown bucket", ["--bucket", "train"], "the spec has decode, prefill"],
  ])("%s is wrong use", async (_, args, hint) => {
    const ran = await moegen(["sweep", qwen, ...args], { cwd: emptyFolder() });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain(hint);
  });
});
