import { relative, resolve, sep } from "node:path";

/** A path as a reader at the prompt would type it: relative where it lies below the directory. */
export function displayPath(path: string, from = process.cwd()): string {
  const short = relative(from, resolve(path));
  const below = short !== "" && !short.startsWith(`..${sep}`) && short !== "..";
  return (below ? short : resolve(path)).split(sep).join("/");
}
