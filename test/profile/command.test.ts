import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { emptyFolder, moegen, onlyObject, qwen, root } from "../cli/moegen.ts";

interface Profiled {
  readonly targets: readonly {
    readonly codeBytes: number;
    readonly profile: {
      readonly total: { readonly cycles: number; readonly distance: number };
      readonly stages: readonly {
        readonly stage: string;
        readonly runs: number;
        readonly bundles: number;
        readonly cycles: number;
        readonly bound: { readonly slot: string } | null;
        readonly distance: number | null;
      }[];
      readonly unknownTrips: readonly string[];
    };
  }[];
  readonly peers: readonly {
    readonly name: string;
    readonly cycles?: Readonly<Record<string, number>>;
    readonly error?: string;
  }[];
}

const peer = join(root, "test", "profile", "peer.py");

describe("moegen profile", () => {
  it("profiles the Qwen3 kernel and another's by the real compiler, with a trace", async () => {
    const cwd = emptyFolder();
    const args = ["--device", "v6e", "--rows", "16", "--trace", "t.json", "--peer", peer, "--json"];
    const ran = await moegen(["profile", qwen, ...args], { cwd });
    expect(ran.stderr).toContain("cycles for one expert by its rows, v6e");
    expect(ran.code).toBe(0);
    const result = onlyObject(ran) as unknown as Profiled;
    const [target] = result.targets;
    const stages = target?.profile.stages ?? [];
    // A body below its matrix units' least cycles would mean that something is counted wrongly.
    const gate = stages.find(({ stage }) => stage === "feed_forward_16");
    expect(gate?.runs).toBeCloseTo(32, 1);
    expect(gate?.bundles).toBeGreaterThan(900);
    expect(gate?.cycles).toBeCloseTo((gate?.bundles ?? 0) * 32, -3);
    expect(gate?.bound?.slot).toMatch(/^matrix/);
    for (const { stage, cycles, distance } of stages) {
      if (cycles > 0 && distance !== null) expect(distance, stage).toBeGreaterThan(0.95);
    }
    expect(target?.profile.unknownTrips).toEqual([]);
    expect(target?.codeBytes).toBeGreaterThan(100_000);
    // The other kernel multiplies three times; its loop is counted as often as its adapter says.
    const theirs = result.peers.find(({ name }) => name === "a dot");
    expect(theirs?.error).toBeUndefined();
    expect(theirs?.cycles?.gate_up).toBeGreaterThan(3 * 400);
    const trace = JSON.parse(readFileSync(join(cwd, "t.json"), "utf8"));
    expect(trace.traceEvents.length).toBeGreaterThan(100);
  });

  it("shows its own figures and why an adapter gives none", async () => {
    const cwd = emptyFolder();
    const head = 'NAME = "x"\nPACKAGES = ["x==1"]\n\n\ndef build(case):\n';
    const bodies: Readonly<Record<string, string>> = {
      missing: "import nothing_like_it",
      failing: "raise ValueError('no such shape')",
      empty: "return {}",
    };
    for (const [name, body] of Object.entries(bodies)) {
      writeFileSync(join(cwd, `${name}.py`), `${head}    ${body}\n`);
    }
    const peers = ["absent", ...Object.keys(bodies)].flatMap((name) => ["--peer", `${name}.py`]);
    const args = ["--device", "v6e", "--tokens", "64", ...peers, "--json"];
    const ran = await moegen(["profile", qwen, ...args], { cwd });
    expect(ran.code).toBe(1);
    const result = onlyObject(ran) as unknown as Profiled;
    expect(result.targets[0]?.profile.total.cycles).toBeGreaterThan(50_000);
    const errors = result.peers.flatMap(({ error }) => (error === undefined ? [] : [error]));
    expect(errors).toEqual([
      expect.stringContaining("there is no adapter absent.py"),
      expect.stringContaining("needs nothing_like_it, which is not installed (x==1)"),
      expect.stringContaining("no such shape"),
      expect.stringContaining("must return function"),
    ]);
  });

  it("wants rows or tokens, and rows that come out even", async () => {
    const both = await moegen(["profile", qwen, "--rows", "16", "--tokens", "64"]);
    expect(both.code).toBe(64);
    expect(both.stderr).toContain("--rows and --tokens");
  });
});
