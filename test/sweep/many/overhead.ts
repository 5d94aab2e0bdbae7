/** What the engine takes beside the candidates' own time: as a ratio to workers without it. */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { SweepResult } from "../../../src/sweep/run.ts";
import { descendants } from "../../cli/processes.ts";
import { folder, newStore, onCluster, onThisMachine, scopeOf, told } from "./sweeps.ts";
import type { Table } from "./table.ts";

/** A candidate's time with the real compiler, in seconds. */
const CANDIDATE = 3.5;
const MOST_RATIO = 1.03;
const LOOK_MS = 250;
/** Of /proc, a second. */
const TICKS = 100;

/** Processor seconds of what is below the driver, those of processes that end meanwhile too. */
class Meter {
  readonly #seen = new Map<number, number>();
  readonly #look = setInterval(() => this.#see(), LOOK_MS);

  #see(): void {
    const drivers = descendants(process.pid).filter((pid) => commandOf(pid).includes(DRIVER));
    for (const pid of drivers.flatMap((driver) => [driver, ...descendants(driver)])) {
      // What it does for the candidates it would do without Ray as well.
      if (WORKER.test(commandOf(pid))) continue;
      const fields = read(pid, "stat").split(")").at(-1)?.trim().split(" ") ?? [];
      const ticks = Number(fields[11]) + Number(fields[12]);
      if (Number.isFinite(ticks)) this.#seen.set(pid, ticks / TICKS);
    }
  }

  end(): number {
    this.#see();
    clearInterval(this.#look);
    return [...this.#seen.values()].reduce((sum, each) => sum + each, 0);
  }
}

const DRIVER = "moegen_worker.cluster";
const WORKER = /-m moegen_worker $/;

/** Empty where it has ended. */
function read(pid: number, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, "utf8");
  } catch {
    return "";
  }
}

const commandOf = (pid: number): string => read(pid, "cmdline").replaceAll("\0", " ");

interface Worked {
  readonly file: string;
  readonly pid: string;
  readonly start: number;
  readonly end: number;
}

function workedIn(path: string): readonly Worked[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [file = "", pid = "", start, end] = line.split(" ");
      return { file, pid, start: Number(start), end: Number(end) };
    })
    .sort((a, b) => a.start - b.start);
}

/** Seconds that a worker waits from one candidate to the next, on an average. */
function idleOf(worked: readonly Worked[]): number {
  const last = new Map<string, number>();
  const gaps = worked.flatMap(({ pid, start, end }) => {
    const before = last.get(pid);
    last.set(pid, end);
    return before === undefined ? [] : [start - before];
  });
  return gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
}

interface Timed {
  readonly swept: SweepResult;
  readonly wall: number;
}

async function timed(sweep: () => Promise<SweepResult>): Promise<Timed> {
  const start = performance.now();
  const swept = await sweep();
  return { swept, wall: (performance.now() - start) / 1000 };
}

/**
 * Two workers without Ray, and at the same time two of a cluster that is made for them: the same
 * candidates, on a machine that is as busy for the one as for the other.
 */
export async function overhead(table: Table, rowTiles: number): Promise<void> {
  const times = join(folder, "times");
  process.env.MOEGEN_TEST_SECONDS = String(CANDIDATE);
  process.env.MOEGEN_TEST_TIMES = times;
  process.env.RAY_ADDRESS = "local";
  const scope = { ...scopeOf(rowTiles), timeout: 600 };
  try {
    const load = () => loadavg()[0]?.toFixed(1);
    const [before, meter] = [load(), new Meter()];
    const [here, there] = await Promise.all([
      timed(() => onThisMachine(scope)),
      timed(() => onCluster(undefined, scope, newStore())),
    ]);
    const cpu = meter.end();
    table.note("two workers without Ray", `${told(here.swept)}, load ${before}, then ${load()}`);
    table.note("two of a local cluster, meanwhile", told(there.swept));
    const wall = there.wall / here.wall;
    table.tell(
      "the engine's cost in time, start and end included, at most 3 %",
      wall <= MOST_RATIO,
      `ratio ${wall.toFixed(4)}: ${there.wall.toFixed(1)} s to ${here.wall.toFixed(1)} s`,
    );
    const worked = workedIn(times);
    const [stations, own] = [true, false].map((ray) =>
      idleOf(worked.filter(({ file }) => file.includes("moegen-station-") === ray)),
    );
    table.note(
      "  a worker waits between two candidates",
      `${Math.round(1000 * (stations ?? 0))} ms, without Ray ${Math.round(1000 * (own ?? 0))} ms`,
    );
    const { compiled } = there.swept.progress;
    const share = cpu / (compiled * CANDIDATE);
    table.note(
      "  processor time of the engine",
      `${cpu.toFixed(1)} s, ${(100 * share).toFixed(1)} % of what ${compiled} candidates take of the compiler`,
    );
  } finally {
    delete process.env.MOEGEN_TEST_SECONDS;
    delete process.env.MOEGEN_TEST_TIMES;
    delete process.env.RAY_ADDRESS;
  }
}
