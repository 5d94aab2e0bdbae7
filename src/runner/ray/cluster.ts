/** A Ray cluster as a place for workers: as many as its nodes have room for, while they come and go. */
import { availableParallelism } from "node:os";
import { defined } from "../../spec/defined.ts";
import { requirePython, workerEnvironment, workerFolder } from "../environment.ts";
import { EnvironmentError, RequestError } from "../errors.ts";
import { greeting, lacking } from "../greeting.ts";
import type { RunnerOptions } from "../options.ts";
import { workerFiles } from "../ssh.ts";
import type { Transport } from "../transport.ts";
import type { WorkerInfo } from "../types.ts";
import { Worker } from "../worker.ts";
import { inCrowd } from "./crowd.ts";
import { type Berth, Link, type Said } from "./link.ts";
import type { ClusterNode } from "./node.ts";

export interface ClusterOptions extends RunnerOptions {
  /** As Ray takes it; absent: a cluster that runs, else one that is made here for this work. */
  readonly address?: string;
  /** Processors of a cluster that is made here; absent: all. */
  readonly cpus?: number;
  /** The worker, path to text; absent: moegen's. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A worker, and the machine that it is on. */
export interface Station {
  readonly worker: Worker;
  readonly info: WorkerInfo;
  readonly machine: () => string;
}

/** Where the worker keeps its files on a node: the station puts its own folder there. */
export const FOLDER = "{folder}";
/** `ray:` and what Ray takes for an address. */
const ADDRESS = /^ray(?::([A-Za-z0-9[].*))?$/;

/**
 * The address in `ray[:ADDRESS]`; null: the text names no Ray cluster.
 * @throws RequestError: it names one, and no address that Ray could take.
 */
export function parseCluster(text: string): { readonly address?: string } | null {
  if (text !== "ray" && !text.startsWith("ray:")) return null;
  const found = ADDRESS.exec(text);
  if (found === null || /\s/.test(text)) {
    throw new RequestError(`--on ${text}: wanted ray or ray:ADDRESS, e.g. ray:10.0.0.2:6379`);
  }
  return found[1] === undefined ? {} : { address: found[1] };
}

/**
 * Ray, connected. `connect` throws EnvironmentError without Python, Ray or a cluster; `crew` where the
 * cluster goes, and what its works throw.
 */
export class Cluster {
  readonly #link: Link;
  readonly #options: ClusterOptions;
  #nodes: readonly ClusterNode[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #lost = new AbortController();

  private constructor(
    options: ClusterOptions,
    python: string,
    onSaid: (said: Said) => void,
    onEnd: (why: string) => void,
  ) {
    this.#options = options;
    const env = { PYTHONPATH: workerFolder, PYTHONSAFEPATH: "1", PYTHONUNBUFFERED: "1" };
    this.#link = new Link(
      { python, env: { ...env, RAY_USAGE_STATS_ENABLED: "0" } },
      (said) => {
        const nodes = said.nodes ?? said.ready?.nodes;
        if (nodes !== undefined) this.#see(nodes);
        onSaid(said);
      },
      (why) => {
        onEnd(why);
        this.#lost.abort(lostCluster(why));
      },
    );
  }

  /** Throws EnvironmentError without Python, Ray or a cluster, and the reason of an abort. */
  static async connect(options: ClusterOptions): Promise<Cluster> {
    const { address, cpus = availableParallelism(), files = workerFiles(), signal } = options;
    signal?.throwIfAborted();
    const { python } = requirePython(options.cwd);
    const asked = { connect: { address: address ?? null, cpus, files } };
    const cluster = await new Promise<Cluster>((resolve, reject) => {
      const made = new Cluster(
        options,
        python,
        ({ ready, failed }) => {
          if (failed) reject(refused(address, failed.message, failed.code));
          if (ready) resolve(made);
        },
        (why) => reject(refused(address, why)),
      );
      const stop = (): void => {
        reject(signal?.reason);
        void made.close();
      };
      signal?.addEventListener("abort", stop, { once: true });
      made.#link.send(asked);
    });
    return cluster;
  }

  #see(nodes: readonly ClusterNode[]): void {
    this.#nodes = nodes;
    for (const watcher of this.#watchers) watcher();
  }

  /** Machines that are there now. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** Workers wherever there is what they need. */
  transport(berth: Berth, onPlaced: (host: string) => void): Transport {
    return this.#link.transport(berth, onPlaced);
  }

  /**
   * Runs `work` on one worker a processor, at most `most`, more as nodes come; when the first is
   * done no further one begins. Throws what one of them throws, and EnvironmentError where the
   * cluster is gone or a node's Python lacks what compiles.
   */
  async crew(
    { ep, most = Number.POSITIVE_INFINITY, signal, runs = false }: CrewOptions,
    work: (station: Station) => Promise<void>,
  ): Promise<number> {
    const size = (): number =>
      Math.min(
        most,
        this.#nodes.reduce((sum, { cpus }) => sum + cpus, 0),
      );
    const either = AbortSignal.any([this.#lost.signal, ...(signal ? [signal] : [])]);
    const devices = Math.max(8, ep);
    const { LIBTPU_INIT_ARGS, XLA_FLAGS, ...rest } = workerEnvironment({
      ...{ devices, dumpFolder: `${FOLDER}/dump` },
    });
    // Settings are part of what is compiled, and a machine that runs it has none of these.
    const env = { ...rest, ...(runs ? {} : defined({ LIBTPU_INIT_ARGS, XLA_FLAGS })) };
    const berth = { resources: { CPU: 1 }, env: { ...env, PYTHONPATH: `${FOLDER}/python` } };
    return inCrowd({ size, watchers: this.#watchers, signal: either }, (stop) =>
      this.#station(berth, stop, work),
    );
  }

  async #station(
    berth: Berth,
    signal: AbortSignal,
    work: (station: Station) => Promise<void>,
  ): Promise<void> {
    let machine = "";
    const placed = (host: string): void => {
      machine = host;
    };
    const { onStderr } = this.#options;
    const worker = new Worker(this.transport(berth, placed), { signal, onStderr });
    try {
      const info = await greeting(worker, ({ message, said }) => broken(machine, said ?? message));
      const missing = lacking(info, ["jax", "jaxlib", "libtpu", "numpy"]);
      if (missing.length > 0) throw broken(machine, `lacks ${missing.join(", ")}`);
      await work({ worker, info, machine: () => machine });
    } finally {
      await worker.close();
    }
  }

  /** Ends all that runs there for us. */
  close(): Promise<void> {
    return this.#link.close();
  }
}

export interface CrewOptions {
  /** Devices that a kernel needs. */
  readonly ep: number;
  readonly most?: number;
  /** What they compile is to run: the compiler is not asked for its schedule. */
  readonly runs?: boolean;
  readonly signal?: AbortSignal | undefined;
}

function broken(machine: string, why: string): EnvironmentError {
  const where = machine === "" ? "a node of the cluster" : `node ${machine}`;
  const fix = "give the nodes' Python the packages of python/requirements.lock";
  return new EnvironmentError("broken-node", `the worker does not run on ${where}: ${why}`, fix);
}

function lostCluster(why: string): EnvironmentError {
  const fix = "the same command goes on from there, once the cluster is back";
  return new EnvironmentError("cluster-lost", `the Ray cluster is gone: ${why}`, fix);
}

function refused(address: string | undefined, why: string, code = ""): EnvironmentError {
  if (code === "no-ray") {
    return new EnvironmentError(
      "no-ray",
      `Ray is not installed: ${why}`,
      "moegen doctor --fix --ray",
    );
  }
  const where = address === undefined ? "a Ray cluster" : `the Ray cluster ${address}`;
  const fix =
    "is it there, and of the same Ray and Python? `ray status` says; python/requirements-ray.lock";
  return new EnvironmentError("no-cluster", `${where} is not reached: ${why}`, fix);
}

/**
 * Connects, gives the cluster to `work`, and ends what runs there for us whatever happens. Throws
 * EnvironmentError without Ray or a cluster.
 */
export async function withCluster<T>(
  options: ClusterOptions,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await Cluster.connect(options);
  try {
    return await work(cluster);
  } finally {
    await cluster.close();
  }
}
