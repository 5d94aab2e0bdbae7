/** The real compiler over three raylets, by the command line: killed in the middle, started again. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SweepRecord } from "../../../src/sweep/record.ts";
import { Store } from "../../../src/sweep/store.ts";
import { mainFile, moegen, onlyObject } from "../../cli/moegen.ts";
import { until } from "../../cli/processes.ts";
import { startNodes } from "../nodes.ts";
import { factsOf, folder, SPEC, winnersOf } from "./sweeps.ts";
import type { Table } from "./table.ts";

const SCOPE = [
  ...["--tiles", "bt=16,32,64,128", "bf=256,384,768"],
  ...["--bucket", "decode", "--device", "v6e", "--exhaustive", "--json"],
];

interface Swept {
  readonly records: readonly SweepRecord[];
  readonly workers: number;
  readonly progress: {
    readonly known: number;
    readonly compiled: number;
    readonly seconds: number;
  };
}

const stations = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("moegen-station-"));

const told = ({ records, workers, progress }: Swept): string =>
  `${records.length} records, ${progress.known} known, ${progress.compiled} compiled, ` +
  `${workers} workers, ${progress.seconds.toFixed(1)} s`;

/** Twelve candidates: without Ray, over three nodes with `kill -9` of `moegen sweep`, and again. */
export async function real(table: Table): Promise<void> {
  const cwd = mkdtempSync(join(folder, "real-"));
  const env = { MOEGEN_COMPILE_CACHE: "off" };
  const sweep = async (store: string, on: readonly string[]): Promise<Swept> =>
    onlyObject(
      await moegen(["sweep", SPEC, ...SCOPE, "--store", store, ...on], { cwd, env }),
    ) as unknown as Swept;
  const here = await sweep("here", []);
  table.note("the real compiler, no Ray", told(here));
  const nodes = await startNodes(0);
  try {
    await Promise.all([1, 2, 3].map(() => nodes.add({ CPU: 1 })));
    const on = ["--on", `ray:${nodes.address}`];
    const child = spawn(
      process.execPath,
      [mainFile, "sweep", SPEC, ...SCOPE, "--store", "there", ...on],
      { cwd, env: { ...process.env, ...env }, stdio: "ignore" },
    );
    const stored = () => Store.open(join(cwd, "there")).records.length;
    await until(() => child.exitCode !== null || stored() >= 3);
    const before = stations().length;
    child.kill("SIGKILL");
    const gone = await until(() => stations().length === 0);
    table.tell(
      "kill -9 of moegen sweep: its stations end",
      gone && before > 0 && child.exitCode === null,
      `${stored()} stored, ${before} stations before, ${stations().length} after`,
    );
    const there = await sweep("there", on);
    const same = factsOf(here.records) === factsOf(there.records);
    const right = same && winnersOf(here.records) === winnersOf(there.records);
    table.tell("the same again goes on", right && there.progress.known >= 3, told(there));
  } finally {
    await nodes.stop();
  }
}
