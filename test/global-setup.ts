/** What spawns the command line runs `dist`: it must be what the sources say. */
import { ensureBuilt } from "../src/house/build.mjs";

export async function setup(): Promise<void> {
  await ensureBuilt();
}
