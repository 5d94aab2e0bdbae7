/** Lines no wider than the terminal: what is longer goes on below, further in than it began. */
import { visible } from "../format.ts";

const FURTHER = 6;
/** Narrower than that nothing is readable: lines stay as they are. */
const LEAST_COLUMNS = 40;

/** `columns`: of the terminal; undefined: there is none, and nothing is wrapped. */
export function wrap(line: string, columns: number | undefined): readonly string[] {
  if (columns === undefined || columns < LEAST_COLUMNS || visible(line) <= columns) return [line];
  const indent = " ".repeat(line.length - line.trimStart().length + FURTHER);
  const lines: string[] = [];
  let rest = line;
  while (visible(rest) > columns) {
    const cut = rest.lastIndexOf(" ", columns);
    // One word that is wider than the terminal stays whole.
    const at = cut > indent.length ? cut : rest.indexOf(" ", columns);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = indent + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
