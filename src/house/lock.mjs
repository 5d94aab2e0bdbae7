/** A lock between processes: two set-ups at once would break each other's folders. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readOptional } from "./paths.mjs";
import { say } from "./report.mjs";

/**
 * True: the lock is ours. False: somebody has it. Throws where it cannot be made at all (a full disk).
 * @param {string} file
 */
function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    // Made, and no room for what is in it: nobody else would ever take it away.
    if (error instanceof Error && "syscall" in error && error.syscall === "write") {
      rmSync(file, { force: true });
    }
    throw error;
  }
}

/** @param {string} file */
function holderIsAlive(file) {
  const pid = Number(readOptional(file));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/**
 * Takes a lock away that a process left behind which is gone.
 * @param {string} file
 */
export function removeDeadLock(file) {
  if (readOptional(file) && !holderIsAlive(file)) rmSync(file, { force: true });
}

/**
 * Does `work` while holding the lock file; waits for another living process, takes over from a dead one.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; !take(file); ) {
    if (holderIsAlive(file)) {
      if (!told) say(`waiting for another set-up (process ${readOptional(file)}) ...`);
      told = true;
      await sleep(200);
    } else {
      // A file without a living process may also be one that is just being written.
      await sleep(50);
      if (!holderIsAlive(file)) rmSync(file, { force: true });
    }
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}
