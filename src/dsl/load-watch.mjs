/**
 * The thread beside a spec that runs: ends the process when the spec only waits, also where it blocks
 * its own thread (`Atomics.wait`, `execSync`, reading a pipe), which then can say nothing itself. Time
 * passes here in beats of a process that runs, and a beat in which the spec computes does not count: so
 * a slow machine ends nothing.
 */
import { workerData } from "node:worker_threads";

/** Milliseconds. */
const BEAT = 250;
/** Processor time of the whole process in a beat, in microseconds: below it, the spec waits. */
const IDLE = 10_000;
/** What the other side takes for "it only waits"; Windows knows no such signal. */
const SIGNAL = process.platform === "win32" ? "SIGKILL" : "SIGALRM";

/** `load`: number of the load that runs, 0 between loads. */
const { load, beats } = /** @type {{ load: Int32Array, beats: number }} */ (workerData);

let of = 0;
let waited = 0;
let used = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(used);
  used = process.cpuUsage();
  const now = Atomics.load(load, 0);
  if (now !== of || now === 0) waited = 0;
  else if (user + system < IDLE) waited++;
  of = now;
  if (waited > beats) process.kill(process.pid, SIGNAL);
}, BEAT);
