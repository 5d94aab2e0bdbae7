/** A worker on another machine: ssh starts Python there, and the worker's files come on its stdin. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { workerFolder } from "./environment.ts";
import { byCode, type Exit } from "./signals.ts";
import { LocalTransport, type Transport, type WorkerProcess } from "./transport.ts";

export interface SshOptions {
  readonly destination: string;
  /** There. */
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Reads a line with a length and so many bytes of JSON, `{env, files}`, without taking a byte of
 * what follows: that is the worker's. Its files go when it does, and it goes when ssh does.
 */
const BOOTSTRAP = `
import json, os, subprocess, sys, tempfile
source = open(0, "rb", buffering=0, closefd=False)
def take(count):
    data = b""
    while len(data) < count:
        part = source.read(count - len(data))
        if not part:
            sys.exit("the connection ended before the worker's files were here")
        data += part
    return data
size = b""
while not size.endswith(b"\\n"):
    size += take(1)
sent = json.loads(take(int(size)))
with tempfile.TemporaryDirectory(prefix="moegen-worker-") as folder:
    for path, text in sent["files"].items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    env = {**os.environ, **sent["env"], "PYTHONPATH": folder}
    code = subprocess.call([sys.executable, "-m", "moegen_worker"], env=env)
sys.exit(code if code >= 0 else 128 - code)
`;

/** Never a question on the terminal; a dead host is noticed within a minute. */
const SSH = [
  ...["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"],
  ...["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"],
];

/** ssh's own exit code, whatever it could not do. */
export const SSH_FAILED = "exit code 255";

/** The worker, path to text: for a machine without moegen. */
export function workerFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  const read = (below: string): void => {
    for (const entry of readdirSync(join(workerFolder, below), { withFileTypes: true })) {
      const path = `${below}/${entry.name}`;
      if (entry.isDirectory()) read(path);
      else if (entry.name.endsWith(".py"))
        files[path] = readFileSync(join(workerFolder, path), "utf8");
    }
  };
  read("moegen_worker");
  return files;
}

/** For the shell of the host, whichever it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** ssh gives the worker's own exit code on; its own, where it reached none or the connection broke, is another. */
function thereOf(exit: Exit): Exit {
  const code = /^exit code (\d+)$/.exec(exit.how)?.[1];
  if (code === undefined) return exit;
  return exit.how === SSH_FAILED ? { ...exit, lost: true } : byCode(Number(code));
}

/** Starts a worker on a host that ssh reaches without a question; the host needs Python alone. */
export class SshTransport implements Transport {
  readonly #options: SshOptions;

  constructor(options: SshOptions) {
    this.#options = options;
  }

  start(): WorkerProcess {
    const { destination, python, env } = this.#options;
    // Base64 has no character that any shell would read.
    const code = Buffer.from(BOOTSTRAP).toString("base64");
    const command = `exec ${quoted(python)} -c 'import base64;exec(base64.b64decode("${code}"))'`;
    const args = [...SSH, "--", destination, command];
    const process = new LocalTransport({ python: "ssh", args, env: {} }).start();
    const exited = process.exited.then(thereOf);
    const sent = Buffer.from(JSON.stringify({ env, files: workerFiles() }));
    process.stdin.write(`${sent.length}\n`);
    process.stdin.write(sent);
    return { ...process, exited };
  }
}
