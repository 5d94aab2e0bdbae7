/**
 * Templates hold Python, not decisions: a question with two answers inside a function is two blocks,
 * and the part chooses (docs/schedule.md). What is left may put whole lines in or leave them out.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../cli/moegen.ts";

const folder = join(root, "templates");
const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".hbs"))
  .sort();

const TAG = /\{\{~?(#|\/|else|\^)[^{}]*\}\}/g;
const OF_ITS_OWN = /^\{\{(#(if|unless|each) [^{}]+|else|\/(if|unless|each))\}\}$/;

/** Lines that decide something beside other text, or within another decision. */
function faultsOf(text: string): readonly string[] {
  let depth = 0;
  return text.split("\n").flatMap((line, index) => {
    const tags = [...line.matchAll(TAG)].map(([, kind]) => kind);
    if (tags.length === 0) return [];
    depth += tags.filter((kind) => kind === "#").length;
    const deepest = depth;
    depth -= tags.filter((kind) => kind === "/").length;
    const where = `line ${index + 1}: ${line.trim()}`;
    return [
      ...(OF_ITS_OWN.test(line) ? [] : [`${where}: beside other text`]),
      ...(deepest > 1 && tags.includes("#") ? [`${where}: within another`] : []),
    ];
  });
}

test("there are templates", () => {
  expect(names.length).toBeGreaterThan(100);
});

test.each(names)("%s: a conditional has its lines, and none within it", (name) => {
  expect(faultsOf(readFileSync(join(folder, name), "utf8"))).toEqual([]);
});

describe("the rule sees", () => {
  test.each([
    ["a conditional inside a line", "f(a{{#if b}}, b{{/if}})"],
    ["one that ends beside text", "{{#if b}}\nx\n{{/if}} y"],
    ["one within another", "{{#if a}}\n{{#unless b}}\nx\n{{/unless}}\n{{/if}}"],
    ["one within a loop", "{{#each a}}\n{{#if b}}\nx\n{{/if}}\n{{/each}}"],
    ["an else if", "{{#if a}}\nx\n{{else if b}}\ny\n{{/if}}"],
    ["an indented one", "    {{#if b}}\nx\n{{/if}}"],
  ])("%s", (_, text) => {
    expect(faultsOf(text)).not.toEqual([]);
  });

  test("nothing in two after each other", () => {
    const text = "{{#if a}}\nx\n{{else}}\ny\n{{/if}}\n{{#each b}}\n  {{c}}\n{{/each}}";
    expect(faultsOf(text)).toEqual([]);
  });
});
