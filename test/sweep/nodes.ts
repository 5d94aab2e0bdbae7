/** A Ray cluster of this machine alone: some raylets that believe themselves machines. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../src/house/paths.mjs";
import { requirePython } from "../../src/runner/index.ts";
import { workerFiles } from "../../src/runner/ssh.ts";

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
  await new Promise((resolve) => setTimeout(resolve, 200));
  await listening(port);
}

export interface StartedNode {
  /** As if the machine were switched off. */
  readonly kill: () => void;
}

export interface Nodes {
  readonly address: string;
  /** A further machine; settings are those of its processes. */
  readonly add: (
    resources: Readonly<Record<string, number>>,
    env?: Readonly<Record<string, string>>,
  ) => Promise<StartedNode>;
  readonly stop: () => Promise<void>;
}

/** Starts a head with so many processors; `stop` ends all that was started. */
export async function startNodes(cpus: number): Promise<Nodes> {
  // Ray's sockets have long names, and a name may have 107 characters.
  const folder = mkdtempSync(join(tmpdir(), "mr-"));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const ray = join(requirePython(root).python, "..", "ray");
  const groups: number[] = [];
  const sockets = (): number =>
    readdirSync(join(folder, "session_latest", "sockets")).filter((name) => name.includes("raylet"))
      .length;
  // Ray's own guard: whoever is of this cluster, its drivers too, has this cluster's token.
  process.env.RAY_AUTH_MODE = "token";
  process.env.RAY_AUTH_TOKEN = randomBytes(32).toString("hex");
  const start = (args: readonly string[], env = {}): StartedNode => {
    const few = ["--object-store-memory", String(80 << 20), "--disable-usage-stats", "--block"];
    const child = spawn(ray, ["start", ...args, ...few], {
      detached: true,
      stdio: process.env.MOEGEN_RAY_LOG ? ["ignore", 2, 2] : "ignore",
      env: { ...process.env, RAY_DISABLE_IMPORT_WARNING: "1", ...env },
    });
    const { pid = 0 } = child;
    groups.push(pid);
    return { kill: () => signalGroup(pid) };
  };
  const head = ["--head", "--port", String(port), "--temp-dir", folder];
  start([...head, "--num-cpus", String(cpus), "--include-dashboard", "false"]);
  await listening(port);
  return {
    address,
    add: async ({ CPU = 0, ...rest }, env) => {
      const before = sockets();
      const node = start(
        ["--address", address, "--num-cpus", String(CPU), "--resources", JSON.stringify(rest)],
        env,
      );
      // Two at once would take the same socket.
      while (sockets() === before) await new Promise((resolve) => setTimeout(resolve, 200));
      await new Promise((resolve) => setTimeout(resolve, 5000));
      return node;
    },
    stop: async () => {
      for (const pid of groups) signalGroup(pid);
      await new Promise((resolve) => setTimeout(resolve, 500));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

function signalGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
