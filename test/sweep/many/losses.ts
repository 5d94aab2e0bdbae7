/** Sweeps over several raylets while nodes, workers and drivers are killed: as on one machine. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { EnvironmentError } from "../../../src/runner/index.ts";
import type { SweepResult } from "../../../src/sweep/run.ts";
import { Store } from "../../../src/sweep/store.ts";
import { descendants } from "../../cli/processes.ts";
import { type Nodes, type StartedNode, startNodes } from "../nodes.ts";
import {
  factsOf,
  faults,
  folder,
  newStore,
  onCluster,
  onThisMachine,
  scopeOf,
  told,
  when,
  winnersOf,
  withProcessors,
} from "./sweeps.ts";
import type { Table } from "./table.ts";

const fault = (name: string): void => writeFileSync(join(faults, name), "");
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Losses {
  readonly #table: Table;
  readonly #nodes: Nodes;
  readonly #scope: ReturnType<typeof scopeOf>;
  readonly #one: SweepResult;

  constructor(table: Table, nodes: Nodes, scope: ReturnType<typeof scopeOf>, one: SweepResult) {
    this.#table = table;
    this.#nodes = nodes;
    this.#scope = scope;
    this.#one = one;
  }

  sweep(store = newStore(), midway?: (done: number) => void): Promise<SweepResult> {
    return onCluster(this.#nodes.address, this.#scope, store, midway);
  }

  /** Same records, same winners, same failures. */
  same(what: string, swept: SweepResult, further = true): void {
    const [here, there] = [this.#one, swept];
    const right =
      factsOf(here.records) === factsOf(there.records) &&
      winnersOf(here.records) === winnersOf(there.records) &&
      JSON.stringify(here.progress.failures) === JSON.stringify(there.progress.failures);
    this.#table.tell(what, right && further, told(swept));
  }

  async killedNode(node: StartedNode): Promise<void> {
    let killed = false;
    const kill = (): void => {
      killed = true;
      node.kill();
    };
    this.same("kill -9 of a node at 50", await this.sweep(newStore(), when(50, kill)), killed);
  }

  async lateNode(): Promise<void> {
    let added: Promise<unknown> = Promise.resolve();
    const add = (): void => {
      added = this.#nodes.add({ CPU: 2 });
    };
    const swept = await this.sweep(newStore(), when(20, add));
    await added;
    this.same("a node joins at 20 and takes work", swept, swept.workers > 2);
  }

  async killedWorker(): Promise<void> {
    fault("kill");
    this.same("kill -9 of a worker", await this.sweep());
  }

  async hangingWorker(): Promise<void> {
    fault("hang");
    const store = newStore();
    const swept = await this.sweep(store);
    // It may be the best that hung: the others are as they are without it.
    const given = swept.records.filter(
      ({ status, key }) => status === "dropped" && !this.#drops(key),
    );
    const rest = (records: SweepResult["records"]) =>
      records.filter(({ key }) => !given.some((each) => each.key === key));
    const right =
      swept.progress.failures.timeout === 1 &&
      given.length === 1 &&
      factsOf(rest(swept.records)) === factsOf(rest(this.#one.records)) &&
      winnersOf(rest(swept.records)) === winnersOf(rest(this.#one.records));
    this.#table.tell("a worker hangs: one candidate is lost", right, told(swept));
    const again = await this.sweep(Store.open(store.folder));
    this.same("and the same sweep again tries it", again, again.progress.compiled === 1);
  }

  /** Dropped without Ray as well. */
  #drops(key: string): boolean {
    return this.#one.records.some((record) => record.key === key && record.status === "dropped");
  }

  /** The process that is in the cluster for the one who sweeps. */
  async killedDriver(): Promise<void> {
    const store = newStore();
    const kill = (): void => {
      for (const pid of descendants(process.pid)) {
        const { stdout } = execaSync("ps", ["-o", "args=", "-p", String(pid)], { reject: false });
        if (stdout.includes("moegen_worker.cluster")) process.kill(pid, "SIGKILL");
      }
    };
    const died = await this.sweep(store, when(60, kill)).catch((error: unknown) => error);
    this.#table.tell(
      "kill -9 of the driver at 60 ends the sweep",
      died instanceof EnvironmentError &&
        died.code === "cluster-lost" &&
        died.message.includes("SIGKILL"),
      died instanceof Error ? died.message : "it went on",
    );
    const resumed = await this.sweep(Store.open(store.folder));
    const { known, compiled } = resumed.progress;
    this.same("and the next goes on from the store", resumed, known >= 60 && compiled < 140);
  }

  async twoDrivers(): Promise<void> {
    const shared = newStore();
    const both = await Promise.all([
      this.sweep(shared),
      wait(1500).then(() => this.sweep(Store.open(shared.folder))),
    ]);
    const compiled = both.reduce((sum, { progress }) => sum + progress.compiled, 0);
    const once = this.#one.progress.compiled;
    for (const swept of both) this.same("two drivers on one store", swept);
    this.#table.note("  compiled by both together", `${compiled}; by one alone ${once}`);
  }

  async fullDisk(): Promise<void> {
    const full = join(folder, "full");
    mkdirSync(full);
    const mount = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", full];
    if (execaSync("mount", mount, { reject: false }).failed) {
      this.#table.note("a full disk on a node", "not tried: no tmpfs can be mounted here");
      return;
    }
    try {
      await this.#nodes.add({ CPU: 1 }, { TMPDIR: full });
      // Two that were there from the start, two of the late one, and this.
      await withProcessors(this.#nodes.address, 5);
      this.same("a full disk on a node", await this.sweep());
    } finally {
      execaSync("umount", ["-l", full], { reject: false });
    }
  }
}

/** 8 candidates a row tile, over three raylets and those that come. */
export async function losses(table: Table, rowTiles: number): Promise<void> {
  const scope = scopeOf(rowTiles);
  const one = await onThisMachine(scope);
  table.note("one machine, no Ray", told(one));
  const nodes = await startNodes(0);
  try {
    const [first] = await Promise.all([1, 2, 3].map(() => nodes.add({ CPU: 1 })));
    const runs = new Losses(table, nodes, scope, one);
    await withProcessors(nodes.address, 3);
    const three = await runs.sweep();
    runs.same("three nodes", three, three.workers === 3);
    if (first !== undefined) await runs.killedNode(first);
    await runs.lateNode();
    await runs.killedWorker();
    await runs.hangingWorker();
    await runs.killedDriver();
    await runs.twoDrivers();
    await runs.fullDisk();
  } finally {
    await nodes.stop();
  }
}
