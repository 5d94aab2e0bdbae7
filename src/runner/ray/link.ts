/** The process that is in the cluster for us, and the stations that it holds, as pipes. */
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import type { Exit } from "../signals.ts";
import { LocalTransport, type Transport, type WorkerProcess } from "../transport.ts";
import type { ClusterNode } from "./node.ts";

/** What the stations of one purpose need: Ray's resources, and settings before JAX loads. */
export interface Berth {
  readonly resources: Readonly<Record<string, number>>;
  readonly env: Readonly<Record<string, string>>;
  /** This one node alone; absent: any. */
  readonly node?: string;
}

/** What the driver says, a line each: see python/moegen_worker/cluster/driver.py. */
export interface Said {
  readonly ready?: { readonly nodes: readonly ClusterNode[]; readonly version: string };
  readonly failed?: { readonly code: string; readonly message: string };
  readonly nodes?: readonly ClusterNode[];
  readonly placed?: number;
  readonly host?: string;
  readonly from?: number;
  readonly err?: number;
  readonly lines?: readonly string[];
  readonly gone?: number;
  readonly how?: string;
  readonly lost?: boolean;
}

/** A request that a lost node had is made again so often; what kills nodes ends then. */
const RETRIES = 4;
/** For what the driver ends: its stations, then itself. */
const LEAVE_MS = 10_000;

interface Open {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly end: (exit: Exit) => void;
  readonly placed: (host: string) => void;
}

/** Lines there and back; `onSaid` hears what is of no station, `onEnd` that the driver is gone. */
export class Link {
  readonly #process: WorkerProcess;
  readonly #open = new Map<number, Open>();
  #next = 1;
  #said = "";

  constructor(
    options: { readonly python: string; readonly env: Readonly<Record<string, string>> },
    onSaid: (said: Said) => void,
    onEnd: (why: string) => void,
  ) {
    const args = ["-m", "moegen_worker.cluster"];
    this.#process = new LocalTransport({ ...options, args }).start();
    const { stdout, stderr, exited } = this.#process;
    createInterface({ input: stdout, crlfDelay: Infinity }).on("line", (line) => {
      const said = parse(line);
      if (said !== undefined && !this.#take(said)) onSaid(said);
    });
    createInterface({ input: stderr, crlfDelay: Infinity }).on("line", (line) => {
      if (line.trim() !== "") this.#said = line.trim();
    });
    void exited.then(({ how, lost }) => {
      for (const number of [...this.#open.keys()]) this.#end(number, { how, lost: false });
      // Of one that was taken from outside the last line is of something else.
      onEnd(lost ? `its driver was ended by ${how}` : this.#said === "" ? how : this.#said);
    });
  }

  /** To the driver. */
  send(message: object): void {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Workers on nodes that have what `berth` needs; `onPlaced` hears on which machine one is. */
  transport(berth: Berth, onPlaced: (host: string) => void): Transport {
    return { retries: RETRIES, start: () => this.#start(berth, onPlaced) };
  }

  #start(berth: Berth, placed: (host: string) => void): WorkerProcess {
    const number = this.#next++;
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const exited = new Promise<Exit>((end) => {
      this.#open.set(number, { stdout, stderr, end, placed });
    });
    this.send({ open: number, ...berth });
    createInterface({ input: stdin, crlfDelay: Infinity }).on("line", (line) =>
      this.send({ to: number, line }),
    );
    const kill = async (): Promise<void> => {
      if (!this.#open.has(number)) return;
      this.send({ close: number });
      this.#end(number, { how: "closed", lost: false });
    };
    return { stdin, stdout, stderr, exited, kill };
  }

  #end(number: number, exit: Exit): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    open?.stdout.end();
    open?.stderr.end();
    open?.end(exit);
  }

  /** Whether it was a station's. */
  #take({ placed, host = "", from, err, lines = [], gone, how = "", lost = false }: Said): boolean {
    const number = placed ?? from ?? err ?? gone;
    if (number === undefined) return false;
    const open = this.#open.get(number);
    const text = lines.map((line) => `${line}\n`).join("");
    if (placed !== undefined) open?.placed(host);
    else if (from !== undefined) open?.stdout.write(text);
    else if (err !== undefined) open?.stderr.write(text);
    else this.#end(number, { how, lost });
    return true;
  }

  /** Ends the driver, and with it all stations; a driver that does not is killed. */
  async close(): Promise<void> {
    this.#process.stdin.end();
    const late = setTimeout(() => void this.#process.kill(), LEAVE_MS);
    await this.#process.exited;
    clearTimeout(late);
  }
}

function parse(line: string): Said | undefined {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === "object" && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}
