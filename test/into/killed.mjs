/**
 * Child of `kill.test.ts`: carries out a transaction and is killed (SIGKILL) at one of its steps.
 *
 *   node killed.mjs JOB.json STEP before|torn
 *
 * JOB is {root, changes, folders}. "torn" counts writes alone, and leaves the first half of the text.
 * Ends with code 0 when there is no such step.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { disk } from "../../dist/into/disk.js";
import { commit, recover } from "../../dist/into/transaction.js";

const [job = "", step = "0", how] = process.argv.slice(2);
const { root, changes, folders } = JSON.parse(readFileSync(job, "utf8"));
let left = Number(step);

/** Ends the process when it is this step's turn. */
function perhapsDie(/** @type {() => void} */ before) {
  if (left-- > 0) return;
  before();
  process.kill(process.pid, "SIGKILL");
  // The signal may take a moment to arrive: nothing else is done meanwhile.
  for (;;);
}

const atEach = () => {
  if (how === "before") perhapsDie(() => {});
};

/** @type {import("../../src/into/disk.ts").Disk} */
const dying = {
  write(path, text) {
    atEach();
    if (how === "torn") perhapsDie(() => writeFileSync(path, text.slice(0, text.length / 2)));
    disk.write(path, text);
  },
  rename(from, to) {
    atEach();
    disk.rename(from, to);
  },
  remove(path) {
    atEach();
    disk.remove(path);
  },
  makeFolder(path) {
    atEach();
    disk.makeFolder(path);
  },
  removeFolder(path) {
    atEach();
    disk.removeFolder(path);
  },
};

recover(root, dying, false);
commit(
  root,
  changes.map((/** @type {{ path: string, text: string | null }} */ { path, text }) => ({
    path,
    text: text ?? undefined,
  })),
  folders,
  dying,
);
