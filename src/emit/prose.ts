/**
 * Comments and docstrings of at most 100 columns. What fills a template (names, formats, sizes) is longer
 * for one model than for another, and a formatter leaves prose as it is.
 */

/** As the formatter's line length for code. */
const COLUMNS = 100;

/** Python's text with too long lines of prose broken at a space; what has none stays. */
export function wrapProse(text: string): string {
  const wrapped: string[] = [];
  const lines = text.split("\n");
  let inDocstring = false;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const quotes = line.split('"""').length - 1;
    const isProse = inDocstring || quotes > 0 || /^\s*# /.test(line);
    if (quotes === 1) inDocstring = !inDocstring;
    if (line.length <= COLUMNS || !isProse) {
      wrapped.push(line);
      continue;
    }
    const cut = cutOf(line);
    if (cut === undefined) {
      wrapped.push(line);
      continue;
    }
    const { first, rest, margin } = cut;
    wrapped.push(first);
    const next = lines[at + 1] ?? "";
    if (quotes === 2) {
      // One line with both quotes: those at the end get a line of their own.
      lines.splice(at + 1, 0, `${margin}${rest.slice(0, -3)}`, `${margin}"""`);
      inDocstring = true;
    } else if (continues(next, margin)) {
      lines[at + 1] = `${margin}${rest} ${next.slice(margin.length)}`;
    } else lines.splice(at + 1, 0, `${margin}${rest}`);
  }
  return wrapped.join("\n");
}

interface Cut {
  readonly first: string;
  readonly rest: string;
  /** What every further line of the sentence begins with. */
  readonly margin: string;
}

/** Undefined: one long word. */
function cutOf(line: string): Cut | undefined {
  const margin = marginOf(line);
  const start = Math.max(margin.length, line.search(/\S/) + 1);
  const at = line.lastIndexOf(" ", COLUMNS);
  if (at <= start) return undefined;
  const [first, rest] = [line.slice(0, at).trimEnd(), line.slice(at + 1)];
  return rest === '"""' ? undefined : { first, rest, margin };
}

/** Columns of a table, arguments and items of a list hang; the rest of a paragraph does not. */
function marginOf(line: string): string {
  const [, indent = "", mark = ""] = /^(\s*)(# )?/.exec(line) ?? [];
  const column = /^\s*\S.*\s{2,}(?=\S)/.exec(line)?.[0].length;
  if (column !== undefined && mark === "" && column < COLUMNS / 2) return " ".repeat(column);
  const hangs = mark === "" && /^\s*(?:[*\w]+: |- )/.test(line);
  return `${indent}${mark}${hangs ? "  " : ""}`;
}

/** Whether a line goes on with the sentence of the one before. */
function continues(next: string, margin: string): boolean {
  const text = next.slice(margin.length);
  return next.startsWith(margin) && /^[^\s"#-]/.test(text) && !/^[*\w]+: /.test(text);
}
