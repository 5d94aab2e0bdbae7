/** A worker on this machine, with a folder of its own for what it reads and what libtpu dumps. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fixOf, requirePython, workerEnvironment } from "./environment.ts";
import { EnvironmentError, WorkerError } from "./errors.ts";
import { greeting, lacking } from "./greeting.ts";
import { LocalTransport } from "./transport.ts";
import type { RunnerOptions, WorkerInfo } from "./types.ts";
import { Worker } from "./worker.ts";

/** Devices to simulate where nothing asks for more. */
const DEVICES = 8;

/** Devices that a worker simulates for kernels with so many. */
export function devicesFor(ep = 1): number {
  return Math.max(DEVICES, ep);
}

export interface LocalWorker {
  readonly worker: Worker;
  readonly info: WorkerInfo;
  /** Temporary; gone when the work is done. */
  readonly folder: string;
}

export interface LocalWorkerOptions extends RunnerOptions {
  /** Devices that one kernel needs. */
  readonly ep?: number;
  /** Folders with further Python packages. */
  readonly packages?: readonly string[];
}

/** Starts a worker, gives it to `work`, and ends it and its files whatever happens. */
export async function withWorker<T>(
  options: LocalWorkerOptions,
  work: (local: LocalWorker) => Promise<T>,
): Promise<T> {
  options.signal?.throwIfAborted();
  const found = requirePython(options.cwd);
  const folder = await mkdtemp(join(tmpdir(), "moegen-"));
  const dumpFolder = join(folder, "dump");
  const devices = devicesFor(options.ep);
  const { packages = [] } = options;
  const env = workerEnvironment({ devices, dumpFolder, packages });
  const { signal, onStderr } = options;
  const worker = new Worker(new LocalTransport({ python: found.python, env }), {
    signal,
    onStderr,
  });
  try {
    await mkdir(dumpFolder);
    const info = await hello(worker, found);
    return await work({ worker, info, folder });
  } finally {
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function hello(worker: Worker, found: ReturnType<typeof requirePython>): Promise<WorkerInfo> {
  const broken = (message: string): EnvironmentError =>
    new EnvironmentError("broken-python", `${found.python} ${message}`, fixOf(found));
  const info = await greeting(worker, ({ lost, message, said }) =>
    lost
      ? new WorkerError("lost", message, {})
      : broken(`does not run the worker${said === undefined ? "" : `: ${said}`}`),
  );
  const missing = lacking(info, ["jax", "jaxlib", "libtpu", "numpy"]);
  if (missing.length > 0) throw broken(`lacks ${missing.join(", ")}`);
  return info;
}

/** Writes an emitted package below a folder; returns the package's own folder. */
export async function writePackage(
  files: ReadonlyMap<string, string>,
  below: string,
  name: string,
): Promise<string> {
  for (const [path, text] of files) {
    const file = join(below, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return join(below, name);
}
