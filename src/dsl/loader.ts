/**
 * Runs specs in a process of their own, which is started before it is needed and serves until this one
 * ends. A spec that does not end is ended: by the processor time that it takes, which a busy machine
 * does not use up, or by beats in which it only waits (`load-watch.mjs`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { decode, type Node } from "./wire.mjs";

/** What became of a spec. */
export type Loaded =
  | { readonly kind: "made"; readonly made: unknown }
  /** `thrown` is an `Error`, or whatever was thrown. */
  | { readonly kind: "thrown"; readonly thrown: unknown }
  /** It did not come to its end; a clause that says why. */
  | { readonly kind: "endless"; readonly why: string };

export interface Limits {
  /** Processor time, in seconds. */
  readonly cpu: number;
  /** Beats, four a second, in which it does nothing but wait. */
  readonly beats: number;
}

const LIMITS: Limits = { cpu: 10, beats: 240 };

/** `moegen` in a spec means this copy of the package: its source under test, its build otherwise. */
const ENTRY = fileURLToPath(new URL(`../index${extname(import.meta.url)}`, import.meta.url));
const CHILD = fileURLToPath(new URL("load-child.mjs", import.meta.url));

/** Of the heap, in MiB: a spec needs next to nothing, and a machine that is full harms others. */
const MEMORY = "--max-old-space-size=1024";

type Answer =
  | { readonly kind: "stuck"; readonly cpu: number }
  | { readonly kind: "made"; readonly cpu: number; readonly made: Node }
  | {
      readonly kind: "thrown";
      readonly cpu: number;
      readonly given?: Node;
      readonly error?: { readonly message: string; readonly stack: string; readonly code: string };
    };

const ANSWERS: ReadonlySet<unknown> = new Set(["stuck", "made", "thrown"]);

interface Loader {
  readonly child: ChildProcess;
  readonly limits: Limits;
}

let current: Loader | undefined;

/** Starts the process, so that it is there when the first spec is to be loaded. */
export function startLoader(limits: Limits = LIMITS): ChildProcess {
  if (current?.limits === limits) return current.child;
  endLoader();
  const loader: Loader = { child: spawned(limits), limits };
  current = loader;
  loader.child.once("exit", () => {
    if (current === loader) current = undefined;
  });
  rest(loader.child);
  process.once("exit", endLoader);
  return loader.child;
}

/** Ends the process; a load that runs is given up. */
export function endLoader(): void {
  process.off("exit", endLoader);
  current?.child.kill("SIGKILL");
  current = undefined;
}

/** The system itself ends what takes too much time, even when this process is gone as well. */
function spawned({ cpu, beats }: Limits): ChildProcess {
  const program = [process.execPath, MEMORY, CHILD, ENTRY, String(beats)] as const;
  // What a spec prints is no result: all of it goes to stderr.
  const options = { stdio: ["ignore", 2, 2, "ipc"], serialization: "advanced" } as const;
  const [file, ...args] = program;
  // Windows has no such limit; a spec that only waits is ended there too.
  if (process.platform === "win32")
    return spawn(file, args, { ...options, stdio: [...options.stdio] });
  const script = `{ ulimit -c 0; ulimit -S -t ${cpu}; ulimit -H -t ${cpu + 1}; } 2>/dev/null; exec "$@"`;
  // By its place: a command may be run with an empty PATH.
  return spawn("/bin/sh", ["-c", script, "sh", ...program], {
    ...options,
    stdio: [...options.stdio],
  });
}

/** This process may end although that one is there. */
function rest(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

let queue: Promise<unknown> = Promise.resolve();

/** Runs a spec; one at a time, in the order asked for. */
export function loadApart(path: string, limits: Limits = LIMITS): Promise<Loaded> {
  const turn = queue.then(() => load(path, limits));
  queue = turn.catch(() => {});
  return turn;
}

async function load(path: string, limits: Limits): Promise<Loaded> {
  const child = startLoader(limits);
  child.ref();
  child.channel?.ref();
  try {
    const loaded = await answerOf(child, path, limits);
    rest(child);
    return loaded;
  } catch (error) {
    endLoader();
    throw error;
  }
}

function answerOf(child: ChildProcess, path: string, limits: Limits): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const settle = (loaded: Loaded): void => {
      child.off("message", hear).off("exit", gone).off("error", reject);
      resolve(loaded);
    };
    const hear = (answer: Answer): void => {
      // A spec may send whatever it likes.
      if (!ANSWERS.has(answer?.kind)) return;
      // The system counts the time of all loads together: a fresh process has all of it again.
      if (answer.kind === "stuck" || answer.cpu > limits.cpu / 2) endLoader();
      settle(loadedFrom(answer));
    };
    const gone = (code: number | null, signal: NodeJS.Signals | null): void => {
      settle({ kind: "endless", why: whyGone(code, signal, limits) });
    };
    child.on("message", hear).on("exit", gone).on("error", reject);
    child.send(path, (error) => {
      if (error !== null) reject(error);
    });
  });
}

/** What the end of the process tells of the spec in it; a clause. */
function whyGone(code: number | null, signal: NodeJS.Signals | null, limits: Limits): string {
  const time = `it takes more than ${limits.cpu} s of processor time`;
  if (signal === "SIGXCPU") return time;
  if (signal === "SIGALRM") return `it waits for more than ${limits.beats / 4} s`;
  // The system's way to end a process, for its time as well as for want of memory.
  if (signal === "SIGKILL") return `it is killed (SIGKILL): the memory is used up, or ${time}`;
  if (signal === "SIGABRT")
    return `it ends its process (SIGABRT): abort(), or the memory is used up`;
  return `it ends its process (${signal ?? `exit code ${code}`})`;
}

function loadedFrom(answer: Answer): Loaded {
  if (answer.kind === "stuck") {
    return { kind: "endless", why: "it awaits what nothing can bring about any more" };
  }
  if (answer.kind === "made") return { kind: "made", made: decode(answer.made) };
  const { error, given } = answer;
  const thrown =
    error === undefined
      ? given && decode(given)
      : Object.assign(new Error(error.message), { stack: error.stack, code: error.code });
  return { kind: "thrown", thrown };
}
