/** Figures and tables as people read them. */

const KI = 1024;

/** 31.2 MiB */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= KI && unit < units.length - 1) {
    scaled /= KI;
    unit++;
  }
  return `${unit === 0 ? scaled : scaled.toFixed(1)} ${units[unit]}`;
}

/** 31.2 of 100.0 MiB */
export function bytesOf(used: number, available: number): string {
  return `${(used / KI / KI).toFixed(1)} of ${(available / KI / KI).toFixed(1)} MiB`;
}

/** 4.8 GFLOP */
export function flops(value: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}FLOP`;
}

/** 9,420 */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 1.4 s */
export function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}

/** 2 files, 1 file */
export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? "" : "s"}`;
}

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Columns two blanks apart, indented by two; the last column is not padded. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = columns.map((column, index) =>
    Math.max(visible(column.title), ...rows.map((row) => visible(row[index] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    `  ${columns
      .map((column, index) => {
        const cell = cells[index] ?? "";
        const gap = " ".repeat(Math.max(0, (widths[index] ?? 0) - visible(cell)));
        if (column.align === "right") return gap + cell;
        return index === columns.length - 1 ? cell : cell + gap;
      })
      .join("  ")}`.trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** Length on the screen: colour codes take no room. */
export function visible(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes start with one
  return text.replace(/\x1b\[[0-9;]*m/g, "").length;
}
