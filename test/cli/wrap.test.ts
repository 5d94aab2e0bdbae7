/** Lines of `explain` on terminals of any width. */
import { describe, expect, it } from "vitest";
import { wrap } from "../../src/cli/explain/wrap.ts";
import { visible } from "../../src/cli/format.ts";

const LINE =
  "  weights  HBM → VMEM  12.0 MiB  384  gate_up  gate and up weight tiles of the experts";

describe("a line of explain", () => {
  it("stays as it is where it fits, or where there is no terminal", () => {
    expect(wrap(LINE, undefined)).toEqual([LINE]);
    expect(wrap(LINE, LINE.length)).toEqual([LINE]);
    expect(wrap(LINE, 10)).toEqual([LINE]);
  });

  it.each([40, 53, 60, 80])("is no wider than %i columns, and loses no word", (columns) => {
    const lines = wrap(LINE, columns);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(visible(line)).toBeLessThanOrEqual(columns);
    const words = (text: string): readonly string[] => text.trim().split(/\s+/);
    expect(lines.flatMap(words)).toEqual(words(LINE));
    expect(lines[1]).toMatch(/^ {8}\S/);
  });

  it("keeps a word that is wider than the terminal", () => {
    const word = "x".repeat(90);
    expect(wrap(`  ${word} end`, 60)).toEqual([`  ${word}`, "        end"]);
  });
});
