/** What a formatter leaves alone: prose of at most 100 columns, and blank lines that blocks leave behind. */
import { describe, expect, test } from "vitest";
import { formatPython } from "../../src/emit/format.ts";

const words = (count: number): string =>
  Array.from({ length: count }, (_, i) => `word${i}`).join(" ");
const widest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("prose", () => {
  test.each([
    ["a comment", `# ${words(30)}\nx = 1\n`],
    ["a comment in a block", `def f():\n    # ${words(30)}\n    return 1\n`],
    ["a docstring of one line", `def f():\n    """${words(30)}."""\n`],
    ["the first line of several", `"""${words(30)}\n\nMore.\n"""\n`],
    ["a paragraph", `def f():\n    """First.\n\n    ${words(30)}\n    goes on.\n    """\n`],
    ["an argument", `def f(a):\n    """First.\n\n    Args:\n      a: ${words(40)}\n    """\n`],
    ["a column", `def f(a):\n    """First.\n\n    Reads  a        (1, 2) ${words(20)}\n    """\n`],
  ])("%s has at most 100 columns, and every word", (_, source) => {
    const made = formatPython(source);
    expect(widest(source)).toBeGreaterThan(100);
    expect(widest(made)).toBeLessThanOrEqual(100);
    expect(made.match(/\w+/g)?.filter((word) => word !== "")).toEqual(source.match(/\w+/g));
    expect(formatPython(made)).toBe(made);
  });

  test("goes on in the next line of the paragraph, in the margin of its kind", () => {
    const text = `def f(a):\n    """First.\n\n    Args:\n      a: ${"x".repeat(80)} and so forth,\n        at last.\n    """\n`;
    expect(formatPython(text)).toContain(`${"x".repeat(80)} and so\n        forth, at last.\n`);
    const column = `def f(a):\n    """First.\n\n    Reads  a  ${"x".repeat(80)} and so\n    """\n`;
    expect(formatPython(column)).toContain(`${"x".repeat(80)} and\n${" ".repeat(14)}so\n`);
  });

  test("of one long word stays, as code does", () => {
    const url = `# ${"x".repeat(120)}\n`;
    expect(formatPython(url)).toBe(url);
    const code = `x = "${words(30)}"\n`;
    expect(formatPython(code)).toBe(code);
  });
});

describe("blank lines", () => {
  test("after a function's docstring go, before a function in it they are the formatter's", () => {
    expect(formatPython('def f(\n    a,\n):\n    """First."""\n\n\n    return a\n')).toBe(
      'def f(\n    a,\n):\n    """First."""\n    return a\n',
    );
    const nested = 'def f():\n    """First."""\n\n    def g():\n        return 1\n\n    return g\n';
    expect(formatPython(nested)).toBe(nested);
  });

  test("between constants are one, around functions two; a docstring keeps its own", () => {
    const made = formatPython(
      '"""M.\n\n\nN.\n"""\n\n\nA = 1\n\n\nB = 2\n\ndef f():\n    return 1\n',
    );
    expect(made).toBe('"""M.\n\n\nN.\n"""\n\nA = 1\n\nB = 2\n\n\ndef f():\n    return 1\n');
  });

  test("after a class's docstring stay", () => {
    const text = 'class A:\n    """First."""\n\n    a: int\n';
    expect(formatPython(text)).toBe(text);
  });
});
