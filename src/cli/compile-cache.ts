/** The cache of compiled kernels as a command uses it. */
import type { CompileCache } from "../runner/index.ts";

/**
 * The user's; undefined where nothing known is to be used: what the compiler prints is printed by a
 * run of it alone.
 */
export async function cacheFor(options: {
  readonly fresh?: boolean;
  readonly verbose?: boolean;
}): Promise<CompileCache | undefined> {
  if (options.fresh === true || options.verbose === true) return undefined;
  const { CompileCache: Cache } = await import("../runner/index.ts");
  return Cache.usual();
}
