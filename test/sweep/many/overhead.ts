/** What the engine takes beside the candidates' own time: as a ratio to workers without it. */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { descendants } from "../../cli/processes.ts";
import { newStore, onCluster, onThisMachine, scopeOf, told } from "./sweeps.ts";
import type { Table } from "./table.ts";

/** A candidate's time with the real compiler, in seconds. */
const CANDIDATE = 3.5;
const LOOK_MS = 250;
/** Of /proc, a second. */
const TICKS = 100;

/** Processor seconds of this process and all below it, those that end meanwhile too. */
class Meter {
  readonly #seen = new Map<number, number>();
  readonly #before = this.#own();
  readonly #look = setInterval(() => this.#see(), LOOK_MS);

  #own(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }

  #see(): void {
    for (const pid of descendants(process.pid)) {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, "utf8");
        const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
        this.#seen.set(pid, (Number(fields[11]) + Number(fields[12])) / TICKS);
      } catch {
        // It has ended.
      }
    }
  }

  end(): number {
    this.#see();
    clearInterval(this.#look);
    const below = [...this.#seen.values()].reduce((sum, each) => sum + each, 0);
    return below + this.#own() - this.#before;
  }
}

/** Two workers without Ray, then two of a cluster that is made for them; the same candidates. */
export async function overhead(table: Table, rowTiles: number): Promise<void> {
  process.env.MOEGEN_TEST_SECONDS = String(CANDIDATE);
  process.env.RAY_ADDRESS = "local";
  const scope = { ...scopeOf(rowTiles), timeout: 600 };
  try {
    const timed = async (sweep: () => ReturnType<typeof onThisMachine>) => {
      const [start, meter] = [performance.now(), new Meter()];
      const swept = await sweep();
      return { swept, wall: (performance.now() - start) / 1000, cpu: meter.end() };
    };
    const load = () => loadavg()[0]?.toFixed(1);
    const before = load();
    const here = await timed(() => onThisMachine(scope));
    const between = load();
    const there = await timed(() => onCluster(undefined, scope, newStore()));
    table.note("two workers without Ray", `${told(here.swept)}, load ${before}`);
    table.note("two of a local cluster", `${told(there.swept)}, load ${between}, then ${load()}`);
    const wall = there.wall / here.wall;
    table.tell(
      "the engine's cost in time, start and end included, at most 3 %",
      wall <= 1.03,
      `ratio ${wall.toFixed(4)}: ${there.wall.toFixed(1)} s to ${here.wall.toFixed(1)} s`,
    );
    const further = there.cpu - here.cpu;
    // As a share of what the compiler itself would take of all cores in that time.
    const share = further / (there.swept.progress.compiled * CANDIDATE);
    table.note(
      "  in processor time, of the compiler's",
      `${(100 * share).toFixed(1)} %: ${there.cpu.toFixed(1)} s to ${here.cpu.toFixed(1)} s ` +
        `beside ${(there.swept.progress.compiled * CANDIDATE).toFixed(0)} s of compiling, ` +
        `on ${availableParallelism()} cores`,
    );
  } finally {
    delete process.env.MOEGEN_TEST_SECONDS;
    delete process.env.RAY_ADDRESS;
  }
}
