/**
 * The proof on a package of several schedules: each runs in the bucket that the spec gives it, and the
 * greedy tokens are epmoe's. It runs in the long run where MOEGEN_SGLJAX_HEAD names a checkout, for some
 * minutes, and says loudly where none does.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trees } from "../../src/target/tree/registry.ts";
import { long } from "../long.ts";
import { build, caseOf, checkoutOf, copyOf, FOUR, specFor } from "./checkouts.ts";
import { decode, type Job } from "./decode.ts";

const checkout = checkoutOf("head");
const { jax } = trees.head.surface;
const QWEN3 = caseOf("qwen3_moe", "bfloat16");

/** A step of one request has 1 token, of four 4; four prompts have 28. */
const BUCKETS = {
  gather: 'few: { upTo: 2, use: "gather" }',
  runs: 'some: { upTo: 8, use: "runs" }',
  gmm: 'many: { upTo: 64, use: "gmm" }',
} as const;
type Kind = keyof typeof BUCKETS;

function spec(): string {
  const path = specFor(QWEN3, 4);
  const tiles = Object.values(BUCKETS).join(", ");
  const text = readFileSync(path, "utf8");
  const several = text.replace(/schedule: .*/, `schedule: { kind: "auto", tiles: { ${tiles} } },`);
  expect(several).not.toBe(text);
  writeFileSync(path, several);
  return path;
}

const job = (backend: string, requests: number, tokens: number): Job => ({
  ...{ ...QWEN3, ...FOUR, backend, requests, tokens },
});

/** The one file of a tree that ends so. */
function fileOf(tree: string, end: string): string {
  const found = readdirSync(join(tree, "python"), { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(end),
  );
  expect(found).toHaveLength(1);
  return join(tree, "python", found[0] ?? "");
}

describe.skipIf(checkout === undefined || !long)("the head tree", () => {
  test("the same tokens from a package whose buckets use three schedules", async () => {
    const tree = await copyOf(checkout ?? "");
    const built = await build(tree, [spec()]);
    expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
    const python = join(tree, "python");
    const asked = (backend: string): readonly Job[] => [job(backend, 1, 8), job(backend, 4, 4)];
    const [one, four, ownOne, ownFour] = await decode(python, jax, [
      ...asked("fused_generated"),
      ...asked("epmoe"),
    ]);
    expect([one?.error, four?.error, ownOne?.error, ownFour?.error]).toEqual(
      Array(4).fill(undefined),
    );
    expect([one, four].map((answer) => answer?.backend)).toEqual(Array(2).fill("fused_generated"));
    expect(one?.ids?.[0]).toHaveLength(8);
    expect(four?.ids).toHaveLength(4);
    expect(one?.ids).toEqual(ownOne?.ids);
    expect(four?.ids).toEqual(ownFour?.ids);
  });

  test.each<{ kind: Kind; requests: number }>([
    { kind: "gmm", requests: 4 },
    { kind: "runs", requests: 4 },
    { kind: "gather", requests: 1 },
  ])("$kind runs in the bucket that names it", async ({ kind, requests }) => {
    const tree = await copyOf(checkout ?? "");
    expect((await build(tree, [spec()])).code).toBe(0);
    const kernel = fileOf(tree, `${kind}/kernel.py`);
    const text = readFileSync(kernel, "utf8");
    writeFileSync(
      kernel,
      `${text}\n\ndef fused_ep_moe(*_, **__):\n    raise ValueError("${kind} it is")\n`,
    );
    const answers = await decode(join(tree, "python"), jax, [job("fused_generated", requests, 2)]);
    expect(answers.map(({ error }) => error)).toEqual([expect.stringContaining(`${kind} it is`)]);
  });
});
