import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, moegen, onlyObject, qwen } from "../cli/moegen.ts";
import { faulty } from "./faulty.ts";

interface Found {
  readonly status: string;
  readonly dropped: Readonly<Record<string, number>>;
  readonly records: readonly {
    readonly status: string;
    readonly stage?: string;
    readonly kind?: string;
    readonly reason?: string;
    readonly tiles: { readonly bt: number; readonly bf: number };
    readonly numerics?: { readonly error: number };
    readonly deviceTime?: { readonly median: number; readonly host: string };
  }[];
  readonly winners: readonly { readonly tiles: { readonly bt: number; readonly bf: number } }[];
}

const SCOPE = ["--bucket", "decode", "--device", "v6e", "--store", "s", "--json"];
const ROWS = ["--tiles", "bt=16,32,64,128"];

const found = (ran: Parameters<typeof onlyObject>[0]) => onlyObject(ran) as unknown as Found;

describe("moegen sweep --validate", () => {
  // Whole experts at a time, or two weight tiles: two small kernels for four candidates.
  const args = ["sweep", qwen, "--tiles", "bt=64,128", "bf=384,768", ...SCOPE, "--validate"];

  it("drops what is wrong, with its reason, for good, and proves nothing twice", async () => {
    const cwd = emptyFolder();
    const ran = await moegen(args, { cwd, env: faulty(cwd, ["wrong"]) });
    expect(ran.code).toBe(0);
    const first = found(ran);
    const wrong = first.records.filter(({ stage }) => stage === "validate");
    const right = first.records.filter(({ status }) => status === "ok");
    expect(first.dropped).toEqual({ validate: wrong.length });
    expect(wrong).not.toEqual([]);
    expect(right).not.toEqual([]);
    expect(new Set(wrong.map(({ tiles }) => tiles.bf)).size).toBe(1);
    for (const { kind, reason } of wrong) {
      expect(kind).toBe("numerics");
      expect(reason).toContain("relative error 1.0e+00 is over 1e-02");
    }
    expect(right.every(({ numerics }) => numerics?.error === 2e-3)).toBe(true);
    expect(first.winners[0]?.tiles.bf).toBe(right[0]?.tiles.bf);
    expect(ran.stderr).toContain("validate/numerics: uniform");
    // Read in whatever order, the store says the same; a fault that is left would show.
    expect(Store.open(join(cwd, "s")).records.filter(({ status }) => status === "ok")).toHaveLength(
      right.length,
    );
    const again = found(await moegen(args, { cwd, env: faulty(cwd, ["wrong"]) }));
    expect(again.records.filter(({ status }) => status === "ok")).toHaveLength(right.length);
  });

  it("loses to a dead worker what it was proving, and proves it the next time", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, ["lose-validate"]);
    const first = found(await moegen(args, { cwd, env }));
    const lost = first.records.filter(({ status }) => status === "dropped");
    expect(lost.map(({ stage, kind }) => [stage, kind])).toContainEqual(["validate", "lost"]);
    const again = found(await moegen(args, { cwd, env }));
    expect(again.dropped).toEqual({});
    expect(again.records.every(({ numerics }) => numerics?.error === 2e-3)).toBe(true);
  });

  it("takes a case that does not end for no verdict, and tries it the next time", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, ["hang-validate"]);
    const first = found(await moegen([...args, "--timeout", "2s"], { cwd, env }));
    const late = first.records.filter(({ status }) => status === "dropped");
    expect(new Set(late.map(({ stage, kind }) => `${stage}/${kind}`))).toEqual(
      new Set(["validate/timeout"]),
    );
    expect(late[0]?.reason).toContain("given up, no verdict");
    // What was compiled of it stands: only its numerics are open.
    expect(Store.open(join(cwd, "s")).records.every(({ status }) => status === "ok")).toBe(true);
    const again = found(await moegen(args, { cwd, env }));
    expect(again.records.every(({ numerics }) => numerics?.error === 2e-3)).toBe(true);
  });

  it("does not believe an older store that calls a time-out wrong numerics", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, ["wrong"]);
    await moegen(args, { cwd, env });
    const file = join(cwd, "s", "old.jsonl");
    const [name = ""] = readdirSync(join(cwd, "s"));
    const text = readFileSync(join(cwd, "s", name), "utf8");
    const reason = "odd: deadlock or too slow: no end after 60 s: no answer to validate for 60 s";
    rmSync(join(cwd, "s", name));
    writeFileSync(
      file,
      text.replaceAll(/"reason":"uniform: relative[^"]*"/g, `"reason":"${reason}"`),
    );
    expect(readFileSync(file, "utf8")).toContain("deadlock or too slow");
    const again = found(await moegen(args, { cwd, env }));
    expect(again.dropped).toEqual({});
    expect(again.records.every(({ numerics }) => numerics?.error === 2e-3)).toBe(true);
  });
});

describe("moegen sweep --on", () => {
  it("refuses at once where there is no TPU, and names predict", async () => {
    const cwd = emptyFolder();
    const env = faulty(cwd, []);
    const ran = await moegen(["sweep", qwen, ...ROWS, ...SCOPE, "--on", "local"], { cwd, env });
    expect(ran.code).toBe(69);
    const fix = expect.stringContaining("moegen predict");
    expect(onlyObject(ran)).toMatchObject({ error: { code: "no-tpu", fix } });
    expect(ran.stderr).not.toContain("candidate");
  });

  it("refuses a host of a kind that is not swept", async () => {
    const cwd = emptyFolder();
    const env = { ...faulty(cwd, []), MOEGEN_TEST_TPU: "TPU7x" };
    const ran = await moegen(["sweep", qwen, ...ROWS, ...SCOPE, "--on", "local"], { cwd, env });
    expect(ran.code).toBe(69);
    expect(onlyObject(ran)).toMatchObject({
      error: { message: "the host has TPU7x, and the sweep is for v6e" },
    });
  });

  it("ranks the finalists by device time, drops what is wrong there, and keeps both", async () => {
    const cwd = emptyFolder();
    const env = { ...faulty(cwd, []), MOEGEN_TEST_TPU: "TPU v6 lite" };
    const args = ["sweep", qwen, ...ROWS, ...SCOPE, "--on", "local"];
    const first = found(await moegen(args, { cwd, env }));
    expect(first.winners[0]?.tiles.bt).toBe(128);
    const best = first.records.find(({ tiles }) => tiles.bt === 128);
    expect(best?.deviceTime).toMatchObject({ median: expect.closeTo(873e-6, 9) });
    // Wrong on the device: the best by prediction is checked first.
    const harmed = { ...faulty(cwd, ["wrong-time"]), MOEGEN_TEST_TPU: "TPU v6 lite" };
    const second = found(await moegen(args, { cwd, env: harmed }));
    expect(second.dropped).toEqual({ time: 1 });
    expect(second.records.find(({ stage }) => stage === "time")).toMatchObject({
      ...{ kind: "numerics", reason: "relative error 1.0" },
    });
    expect(second.records.filter(({ deviceTime }) => deviceTime)).toHaveLength(3);
  });

  it("tells what it compiled where the host is lost, writes nothing, and fails", async () => {
    const cwd = emptyFolder();
    const env = { ...faulty(cwd, ["lose-time"]), MOEGEN_TEST_TPU: "TPU v6 lite" };
    const ran = await moegen(["sweep", qwen, ...ROWS, ...SCOPE, "--on", "local"], { cwd, env });
    expect(ran.code).toBe(1);
    expect(onlyObject(ran)).toMatchObject({
      ...{ status: "failed", lost: expect.stringContaining("the worker ended"), written: null },
      ...{ records: [{}, {}, {}, {}], winners: [{}] },
    });
  });

  it.each([
    ["a host that is none", ["--on", "tpu-vm"], "wanted local or ssh:HOST"],
    ["a Python without a host", ["--python", "python3"], "--python goes with --on"],
  ])("%s is wrong use", async (_, args, hint) => {
    const ran = await moegen(["sweep", qwen, ...args], { cwd: emptyFolder() });
    expect(ran.code).toBe(64);
    expect(ran.stderr).toContain(hint);
  });
});
