/** What spawns the command line runs `dist`: it must be what the sources say. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "../src/house/build.mjs";

/** Each run compiles for itself: what an earlier one compiled proves nothing of this one. */
export async function setup(): Promise<() => void> {
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "moegen-compiled-"));
  process.env.MOEGEN_COMPILE_CACHE = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
