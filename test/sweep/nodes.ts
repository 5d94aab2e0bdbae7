/** A Ray cluster of this machine alone: some raylets that believe themselves machines. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../src/house/paths.mjs";
import { requirePython } from "../../src/runner/index.ts";
import { workerFiles } from "../../src/runner/ssh.ts";
import { descendants } from "../cli/processes.ts";

/** The worker that needs no compiler and breaks when it is told to, as a cluster is sent it. */
export function faultyFiles(): Record<string, string> {
  const faulty = readFileSync(join(root, "test", "sweep", "faulty_worker.py"), "utf8");
  return { ...workerFiles(), "moegen_worker/__main__.py": faulty };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Until somebody listens there: a machine that comes before the head goes away again. */
async function listening(port: number): Promise<void> {
  const heard = await new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
  });
  if (heard) return;
  await pause();
  await listening(port);
}

export interface StartedNode {
  /** As if the machine were switched off: `kill -9` of all that runs on it. */
  readonly kill: () => void;
}

export interface Nodes {
  readonly address: string;
  /** Where jobs are sent, if the head takes any. */
  readonly dashboard: string;
  /** A further machine; settings are those of its processes. */
  readonly add: (
    resources: Readonly<Record<string, number>>,
    env?: Readonly<Record<string, string>>,
  ) => Promise<StartedNode>;
  readonly stop: () => Promise<void>;
}

export interface HeadOptions {
  /** Whose Ray; absent: the checkout's. */
  readonly python?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Jobs may be sent to the head, which `dashboard` tells where. */
  readonly jobs?: boolean;
}

/** Starts a head with so many processors; `stop` ends all that was started. */
export async function startNodes(cpus: number, options: HeadOptions = {}): Promise<Nodes> {
  const { python = requirePython(root).python, env: own = {}, jobs = false } = options;
  // Ray's sockets have long names, and a name may have 107 characters.
  const folder = mkdtempSync(join(tmpdir(), "mr-"));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const dashboard = await freePort();
  const ray = join(python, "..", "ray");
  const started: number[] = [];
  // Ray's own guard: whoever is of this cluster, its drivers too, has this cluster's token.
  process.env.RAY_AUTH_MODE = "token";
  process.env.RAY_AUTH_TOKEN = randomBytes(32).toString("hex");
  const start = (args: readonly string[], env = {}) => {
    const few = ["--object-store-memory", String(80 << 20), "--disable-usage-stats", "--block"];
    // It takes an eighth of a core of each node, and nobody reads what it says.
    few.push("--include-log-monitor", "false");
    const child = spawn(ray, ["start", ...args, ...few], {
      detached: true,
      stdio: process.env.MOEGEN_RAY_LOG ? ["ignore", 2, 2] : "ignore",
      env: { ...process.env, RAY_DISABLE_IMPORT_WARNING: "1", ...env },
    });
    const { pid = 0 } = child;
    started.push(pid);
    return { kill: () => switchOff(pid), ended: () => child.exitCode !== null };
  };
  const sockets = (): number => socketsIn(join(folder, "session_latest", "sockets"));
  // Two at once would take the same sockets.
  let before: Promise<unknown> = Promise.resolve();
  const head = ["--head", "--port", String(port), "--temp-dir", folder];
  const board = ["--include-dashboard", String(jobs), "--dashboard-port", String(dashboard)];
  const up = async (there: number, node: ReturnType<typeof start>): Promise<void> => {
    while (sockets() < there + 2) {
      if (node.ended()) throw new Error("a raylet ended; MOEGEN_RAY_LOG=1 shows what it says");
      await pause();
    }
  };
  const first = start([...head, "--num-cpus", String(cpus), ...board], own);
  await listening(port);
  if (jobs) await listening(dashboard);
  // It listens before its own raylet has its sockets.
  await up(0, first);
  const add: Nodes["add"] = async ({ CPU = 0, ...rest }, env) => {
    const there = sockets();
    const own = ["--num-cpus", String(CPU), "--resources", JSON.stringify(rest)];
    const node = start(["--address", address, ...own], env);
    await up(there, node);
    return node;
  };
  return {
    address,
    dashboard: `http://127.0.0.1:${dashboard}`,
    add: (resources, env) => {
      const added = before.then(() => add(resources, env));
      before = added;
      return added;
    },
    stop: async () => {
      await before;
      for (const pid of started) switchOff(pid);
      await pause();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 200));

/** Each machine has one of its raylet, and one of its object store. */
function socketsIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

function switchOff(pid: number): void {
  // What is below it goes to init with it, and is found no more.
  for (const each of [pid, ...descendants(pid)]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
