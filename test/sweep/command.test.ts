import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, mainFile, moegen, onlyObject, qwen } from "../cli/moegen.ts";
import { until } from "../cli/processes.ts";
import { faulty } from "./faulty.ts";

interface Swept {
  readonly status: string;
  readonly search: string;
  readonly candidates: number;
  readonly unreached: { readonly candidates: number; readonly unproved: number };
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
    readonly tiles: { readonly bt: number; readonly bf: number; readonly bd: number };
    readonly bundles?: number;
  }[];
  readonly passed: readonly { readonly seconds: number }[];
  readonly winners: readonly { readonly bucket: string }[];
}

const TILES = ["--tiles", "bt=16,32,48,64,80,96,112,128", "--bucket", "decode", "--device", "v6e"];
/** Every candidate meets the worker. */
const ALL = [...TILES, "--exhaustive"];

describe("moegen sweep with a worker that breaks", () => {
  it("loses one candidate to each fault, counts it by kind, and resumes", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, ["abort", "kill", "hang", "disk", "garbage", "refuse"]);
    const args = ["sweep", qwen, ...ALL, "--store", "s", "--timeout", "2s", "--json"];
    const first = await moegen(args, { cwd, env });
    expect(first.code).toBe(0);
    const swept = onlyObject(first) as unknown as Swept;
    expect(swept).toMatchObject({ status: "ok", search: "grid", candidates: 8 });
    expect(swept.progress).toMatchObject({ done: 8, known: 0, compiled: 8 });
    expect(swept.progress.failures).toEqual({
      ...{ crash: 1, lost: 1, timeout: 1, disk: 1, compiler: 1 },
    });
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

  it("compiles a kernel that others follow from, and what may win", async () => {
    const cwd = emptyFolder();
    const ran = await moegen(["sweep", qwen, ...TILES, "--store", "s", "--json"], {
      ...{ cwd, env: faulty(cwd, []) },
    });
    expect(ran.code).toBe(0);
    const swept = onlyObject(ran) as unknown as Swept;
    const { progress, records, passed, winners } = swept;
    expect(swept).toMatchObject({ search: "derived", candidates: 8 });
    expect(progress).toMatchObject({ done: 8, passed: passed.length });
    expect(progress.compiled).toBeLessThan(8);
    expect(passed.length + records.length).toBe(8);
    expect(passed.every(({ seconds }) => seconds > 0)).toBe(true);
    expect(winners).toMatchObject([{ bucket: "decode" }]);
    expect(ran.stderr).toContain(`${passed.length} slower by others' bundles`);
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
    const args = ["sweep", qwen, ...ALL, "--store", "s", "--jobs", "1", "--json"];
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
    const args = ["sweep", qwen, ...tiles, ...scope, "--budget", "8s", "--json"];
    // One that never ends: nothing else can be done before the budget is spent.
    const ran = await moegen(args, { cwd, env: faulty(cwd, ["hang"]) });
    const swept = onlyObject(ran) as unknown as Swept;
    expect(swept).toMatchObject({ search: "tpe", candidates: 384, stopped: true });
    expect(swept.records.length).toBeLessThan(384);
    expect(new Set(swept.records.map(({ key }) => key)).size).toBe(swept.records.length);
    // How far it comes in that time is the machine's affair.
    expect(ran.code).toBe(swept.winners.length > 0 ? 0 : 75);
  });

  it("ends what runs when the budget is spent, and says what was not reached", async () => {
    const cwd = emptyFolder();
    const scope = [...ALL, "--store", "s", "--jobs", "1", "--json"];
    const env = faulty(cwd, ["hang"]);
    const spec = join(cwd, "own.moe.ts");
    const text = readFileSync(qwen, "utf8").replaceAll('"./', `"${dirname(qwen)}/`);
    writeFileSync(spec, text);
    const ran = await moegen(["sweep", spec, ...scope, "--budget", "3s", "--write"], { cwd, env });
    expect(ran.code).toBe(75);
    expect(ran.stderr).toContain(`nothing was found: ${spec} stays as it is`);
    expect(readFileSync(spec, "utf8")).toBe(text);
    expect(onlyObject(ran)).toMatchObject({
      ...{ status: "undecided", stopped: true, written: null, records: [], winners: [] },
      unreached: { candidates: 8, unproved: 0 },
    });
    expect(ran.stderr).toContain("not reached: 8 candidates");
    expect(ran.stderr).toContain("the same command goes on from there");
  });

  it("counts validation in the budget, and lets nothing win that it did not reach", async () => {
    const cwd = emptyFolder();
    const tiles = ["--tiles", "bt=64,128", "--bucket", "decode", "--device", "v6e", "--store", "s"];
    const env = faulty(cwd, ["hang-validate"]);
    const args = ["sweep", qwen, ...tiles, "--validate", "--json"];
    const ran = await moegen([...args, "--budget", "12s"], { cwd, env });
    expect(ran.code).toBe(75);
    const swept = onlyObject(ran) as unknown as Swept;
    expect(swept).toMatchObject({ status: "undecided", stopped: true, winners: [] });
    // On a slow machine compiling alone may take it.
    expect(swept.unreached.candidates + swept.unreached.unproved).toBe(2);
    const again = onlyObject(await moegen(args, { cwd, env })) as unknown as Swept;
    expect(again).toMatchObject({ status: "ok", stopped: false, winners: [{}] });
  });

  it("shows at Ctrl-C the table so far and how to go on", async () => {
    const cwd = emptyFolder();
    const args = ["sweep", qwen, ...ALL, "--store", "s", "--jobs", "2"];
    const env = { ...process.env, NO_COLOR: "1", ...faulty(cwd, ["hang"]) };
    const child = spawn(process.execPath, [mainFile, ...args], { cwd, env });
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += String(chunk);
    });
    const stored = () => existsSync(join(cwd, "s")) && Store.open(join(cwd, "s")).records.length;
    expect(await until(() => stored() === 7)).toBe(true);
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(said).toMatch(/^\| bucket .*\n\| -+/m);
    expect(said).toContain("stopped after 7 of 8 candidates: the same command goes on from there");
  });

  it("says of a spec without choices that there is nothing to choose", async () => {
    const ran = await moegen(["sweep", qwen], { cwd: emptyFolder() });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain("nothing to choose");
    expect(ran.stderr).toContain("--neighbours");
  });

  it("sweeps the legal tiles next to the spec's with --neighbours", async () => {
    const cwd = emptyFolder();
    const scope = ["--bucket", "decode", "--device", "v6e", "--store", "s", "--json"];
    const args = ["sweep", qwen, "--neighbours", "--exhaustive", ...scope];
    const swept = onlyObject(await moegen(args, { cwd, env: faulty(cwd, []) }));
    const records = (swept as unknown as Swept).records;
    const { spec } = await loadSpec(qwen);
    for (const axis of ["bt", "bf", "bd"] as const) {
      const own = spec.schedule.tiles.decode?.[axis];
      const tried = [...new Set(records.map(({ tiles }) => tiles[axis]))].sort((a, b) => a - b);
      const { legal } = scheduleOf(spec.schedule.kind).axisRule(spec.layer, axis);
      const at = tried.map((value) => legal.indexOf(value));
      expect(tried).toContain(own);
      expect(tried.length, axis).toBeGreaterThan(1);
      // One after the other in the list of what is legal.
      expect(at).toEqual(at.map((_, place) => (at[0] ?? 0) + place));
      expect(tried.length).toBeLessThanOrEqual(3);
    }
  });

  it("refuses a newer store before it starts anything", async () => {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, "s"));
    writeFileSync(join(cwd, "s", "x.jsonl"), '{"schema":99,"key":"k","status":"ok"}\n');
    const ran = await moegen(["sweep", qwen, ...ALL, "--store", "s", "--json"], { cwd });
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
