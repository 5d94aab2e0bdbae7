/** What set-up shows on stderr. One place, so that all of it looks alike. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { oldNode } from "./node-version.mjs";

/** A problem the user can do something about: shown without a stack trace. */
export class HouseError extends Error {
  /**
   * @param {string} message
   * @param {string} fix
   */
  constructor(message, fix) {
    super(message);
    this.fix = fix;
  }
}

/** The user pressed Ctrl-C while a step ran, or the step was asked to end. */
export class Interrupted extends Error {
  /** @param {number} exit 128 and the signal's number */
  constructor(exit) {
    super("interrupted");
    this.exit = exit;
  }
}

/** What a program that a signal stopped exits with. */
const STOPPED = [129, 130, 143];

/**
 * Writes a line on stderr.
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * The time since then, for a message: "1.5 s".
 * @param {number} since milliseconds, as `performance.now()` gives them
 */
export function elapsed(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/**
 * Runs a program with its output shown on stderr; resolves to its exit code.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", 2, 2], ...options });
    const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    process.on("SIGINT", forward).on("SIGTERM", forward);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", forward).off("SIGTERM", forward);
      const exit = code ?? 128 + constants.signals[signal ?? "SIGTERM"];
      // Ctrl-C ends the whole script, not only the step that ran.
      if (STOPPED.includes(exit)) reject(new Interrupted(exit));
      else resolve(exit);
    });
  });
}

/**
 * Runs a script's main function; a HouseError becomes two lines and exit code 69. Throws any other.
 * @param {() => Promise<number>} main
 */
export async function script(main) {
  try {
    const old = oldNode();
    if (old !== undefined) throw new HouseError(old.message, old.fix);
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof Interrupted) {
      process.exitCode = error.exit;
    } else if (error instanceof HouseError) {
      say(`error: ${error.message}\n  fix: ${error.fix}`);
      process.exitCode = 69;
    } else {
      throw error;
    }
  }
}
