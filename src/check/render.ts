/** Prints diagnostics as a reader wants them: where, what, the line itself, the rule, the way out. */
import { createColors } from "picocolors";
import type { Diagnostic } from "./diagnostic.ts";

export interface RenderOptions {
  readonly color: boolean;
  /** Text of each file named in the diagnostics, for the excerpt; without it there is none. */
  readonly texts?: Readonly<Record<string, string>>;
}

/**
 * Blocks of lines with a blank one between, each ending in a newline; "" for no diagnostics. The
 * excerpt is left out where `texts` lacks the file or the line.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  { color, texts = {} }: RenderOptions,
): string {
  const paint = createColors(color);
  return diagnostics
    .map((diagnostic) => {
      const { file, line, column, severity, code, message, trace, rule, nearest } = diagnostic;
      const tint = severity === "error" ? paint.red : paint.yellow;
      const lines = [
        `${paint.bold(`${file}:${line}:${column}`)}  ${tint(severity)} ${paint.bold(code)}  ${message}`,
        "",
        ...excerpt(diagnostic, texts[file], paint.dim, tint),
        `  ${paint.dim(trace.join(" › "))}`,
        `  rule: ${rule}`,
      ];
      if (nearest.length > 0) {
        lines.push(`  nearest legal: ${paint.green(nearest.map(String).join(", "))}`);
      }
      if (diagnostic.note !== undefined) lines.push(`  note: ${diagnostic.note}`);
      return `${lines.join("\n")}\n`;
    })
    .join("\n");
}

type Paint = (text: string) => string;

function excerpt(
  { line, column, endColumn }: Diagnostic,
  text: string | undefined,
  dim: Paint,
  tint: Paint,
): readonly string[] {
  const source = text?.split("\n")[line - 1]?.replace(/\r$/, "");
  if (source === undefined) return [];
  const gutter = String(line).padStart(5);
  // Tabs keep their place above the caret.
  const indent = source.slice(0, column - 1).replace(/[^\t]/g, " ");
  const carets = "^".repeat(Math.max(1, endColumn - column));
  return [
    `${dim(`${gutter} |`)} ${source}`,
    `${dim(`${" ".repeat(gutter.length)} |`)} ${indent}${tint(carets)}`,
  ];
}

/** "2 errors, 1 warning" */
export function summarise(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic["severity"]): number =>
    diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const phrase = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
  const parts = [
    ...(count("error") > 0 ? [phrase(count("error"), "error")] : []),
    ...(count("warning") > 0 ? [phrase(count("warning"), "warning")] : []),
  ];
  return parts.length === 0 ? "no problems" : parts.join(", ");
}
