/** Where kernels are timed: this machine, or one that ssh reaches; the protocol is the same. */
import { fixOf, requirePython, workerFolder } from "./environment.ts";
import { EnvironmentError, RequestError, WorkerError } from "./errors.ts";
import { greeting, lacking } from "./greeting.ts";
import { type Cluster, FOLDER } from "./ray/cluster.ts";
import { type ClusterNode, chipsOf, sliceOf } from "./ray/node.ts";
import { SSH_FAILED, SshTransport } from "./ssh.ts";
import { LocalTransport, type Transport } from "./transport.ts";
import type { RunnerOptions, WorkerInfo } from "./types.ts";
import { Worker } from "./worker.ts";

export type Host =
  | { readonly kind: "local" }
  /** As `ssh` takes it: a name of its configuration, user@name, ssh://user@name:port. */
  | { readonly kind: "ssh"; readonly destination: string }
  /** A machine of a cluster, all its chips: what a slice of one host has. */
  | { readonly kind: "ray"; readonly cluster: Cluster; readonly node: ClusterNode };

export type Backend = "tpu" | "cpu";

export interface HostOptions extends RunnerOptions {
  readonly host: Host;
  /** On the host; absent: moegen's own here, `python3` there. */
  readonly python?: string;
  readonly backend: Backend;
  /** Devices that a kernel needs: so many a CPU pretends to be. */
  readonly devices: number;
}

/**
 * The host that `--on` names.
 * @throws RequestError: neither `local` nor `ssh:HOST`.
 */
export function parseHost(text: string): Host {
  if (text === "local") return { kind: "local" };
  const found = /^ssh:(.+)$/.exec(text)?.[1];
  // A name that begins with a dash would be an option of ssh.
  if (found === undefined || /^-|\s/.test(found)) {
    throw new RequestError(`--on ${text}: wanted local or ssh:HOST, e.g. ssh:user@tpu-vm`);
  }
  return { kind: "ssh", destination: found.startsWith("//") ? `ssh:${found}` : found };
}

/** The host in a sentence. */
export function hostName(host: Host): string {
  if (host.kind === "ray") return host.node.host;
  return host.kind === "local" ? "this machine" : host.destination;
}

/** The slice that the host is of, where one says so. */
export function hostSlice(host: Host): string | undefined {
  return host.kind === "ray" ? sliceOf(host.node) : undefined;
}

/** Settings that must stand before JAX loads. */
function environment(backend: Backend, devices: number): Record<string, string> {
  return {
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    JAX_ENABLE_COMPILATION_CACHE: "false",
    ...(backend === "tpu"
      ? { JAX_PLATFORMS: "tpu,cpu" }
      : {
          JAX_PLATFORMS: "cpu",
          // Each simulated device holds a thread of JAX's pool: with too few they deadlock silently.
          NPROC: String(Math.max(64, 4 * devices)),
          XLA_FLAGS: `--xla_force_host_platform_device_count=${devices}`,
        }),
  };
}

function transportOf({ host, python, backend, devices, cwd }: HostOptions): Transport {
  const env = environment(backend, devices);
  if (host.kind === "ssh") {
    return new SshTransport({ destination: host.destination, python: python ?? "python3", env });
  }
  if (host.kind === "ray") {
    const resources = { TPU: chipsOf(host.node) };
    const there = { resources, env: { ...env, PYTHONPATH: `${FOLDER}/python` } };
    return host.cluster.transport({ ...there, node: host.node.id }, () => {});
  }
  const local = { ...env, PYTHONPATH: workerFolder };
  return new LocalTransport({ python: python ?? requirePython(cwd).python, env: local });
}

export interface HostWorker {
  readonly worker: Worker;
  readonly info: WorkerInfo;
}

/** Starts a worker on the host, gives it to `work`, and ends it whatever happens. */
export async function withHost<T>(
  options: HostOptions,
  work: (on: HostWorker) => Promise<T>,
): Promise<T> {
  options.signal?.throwIfAborted();
  const { signal, onStderr } = options;
  const worker = new Worker(transportOf(options), { signal, onStderr });
  try {
    const info = await hello(worker, options);
    return await work({ worker, info });
  } finally {
    await worker.close();
  }
}

async function hello(worker: Worker, options: HostOptions): Promise<WorkerInfo> {
  const { host, backend } = options;
  const where = hostName(host);
  const info = await greeting(worker, ({ lost, message, said }) => {
    const why = said ?? message;
    if (host.kind === "ssh" && message.endsWith(SSH_FAILED)) {
      const fix = `make \`ssh ${host.destination} true\` work without a password, then try again`;
      const unreached = `${where} is not reached by ssh: ${why}`;
      return new EnvironmentError("host-unreachable", unreached, fix);
    }
    if (lost) return new WorkerError("lost", `${message}, on ${where}`, {});
    const silent = `the worker does not start on ${where}: ${why}`;
    return new EnvironmentError("broken-python", silent, pythonFix(options));
  });
  // Whether there is a TPU at all comes first: without one libtpu would not help.
  if (backend === "tpu" && !info.tpu) throw noTpu(where);
  const further = backend === "tpu" ? (["libtpu"] as const) : [];
  const missing = lacking(info, ["jax", "jaxlib", "numpy", ...further]);
  if (missing.length > 0) {
    const message = `Python on ${where} lacks ${missing.join(", ")}`;
    throw new EnvironmentError("broken-python", message, pythonFix(options));
  }
  return info;
}

function pythonFix({ host, python, cwd }: HostOptions): string {
  if (host.kind !== "local" || python !== undefined) {
    return "let --python name a Python on that host that has jax[tpu]";
  }
  return fixOf(requirePython(cwd));
}

/** Device time was asked for where there is none; `why` goes before "on" the host. */
export function noTpu(where: string, why = "there is no TPU"): EnvironmentError {
  return new EnvironmentError(
    "no-tpu",
    `${why} on ${where}, so device time cannot be measured`,
    "`moegen predict SPEC` says the time without a TPU; --on ssh:HOST measures on a host that has one",
  );
}

/** What the worker says about its devices is about the host, not about the kernel. */
export function understandHost(error: unknown, where: string): unknown {
  if (!(error instanceof WorkerError)) return error;
  if (error.code === "NO_DEVICE") return noTpu(where, error.message);
  if (error.code === "DEVICES" || error.code === "DEVICE_KIND") {
    const fix = "`moegen predict SPEC --device KIND` says the time of any device without it";
    return new EnvironmentError("no-tpu", `${error.message}, on ${where}`, fix);
  }
  return error;
}
