/**
 * Blank lines that blocks of a template leave behind: after a function's docstring, and two where one is
 * enough. The formatter puts back those that it wants, between functions.
 */

/** Python's text without stray blank lines; those of docstrings stay. */
export function withoutStrayBlanks(text: string): string {
  const kept: string[] = [];
  let inDocstring = false;
  /** The last line that was kept ends the docstring of a function. */
  let documented = false;
  for (const line of text.split("\n")) {
    const quotes = line.split('"""').length - 1;
    const blank = line.trim() === "";
    if (blank && !inDocstring && (documented || kept.at(-1)?.trim() === "")) continue;
    if (quotes % 2 === 1) inDocstring = !inDocstring;
    if (!blank) documented = quotes > 0 && !inDocstring && isOfFunction(kept, line);
    kept.push(line);
  }
  return kept.join("\n");
}

/** Whether the docstring that ends with this line, or is this line, stands below a `def`. */
function isOfFunction(before: readonly string[], line: string): boolean {
  const indent = line.search(/\S/);
  const above = before.findLast((one) => one.trim() !== "" && one.search(/\S/) < indent);
  return above !== undefined && /^\s*(?:async )?def |^\s*\).*:$/.test(above);
}
