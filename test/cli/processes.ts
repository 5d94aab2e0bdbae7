/** Processes below one, read from /proc: what a stopped command must not leave. */
import { readdirSync, readFileSync } from "node:fs";

/** Process ids by parent, for every process that can be read. */
function children(): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      // The program's name may hold blanks and parentheses: the fields follow the last one.
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
      found.set(parent, [...(found.get(parent) ?? []), Number(name)]);
    } catch {
      // It has gone meanwhile.
    }
  }
  return found;
}

export function descendants(pid: number): readonly number[] {
  const tree = children();
  const below = (parent: number): readonly number[] =>
    (tree.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

/** Running, and not merely waiting to be collected by its parent. */
export function isAlive(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}

/** Ten minutes: only a machine that stands still takes so long for what these wait for. */
const FAR = 600_000;

export async function until(condition: () => boolean, within = FAR): Promise<boolean> {
  const end = Date.now() + within;
  while (Date.now() < end) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return condition();
}
