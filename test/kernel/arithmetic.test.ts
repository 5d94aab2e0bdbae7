/**
 * Faults of arithmetic that validations once let pass, by hand: of blocks and chunks that no case
 * had several of, and of rounding, below a flat limit of 1e-2. `--mutants` makes more by rule.
 */
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { validateSpec } from "../../src/runner/index.ts";
import { root } from "../cli/moegen.ts";
import { long } from "../long.ts";

interface Fault {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The case that sees it. */
  readonly seen: string;
}

const PRODUCT = "return jnp.dot(left, right, preferred_element_type=jnp.float32)";
const NARROW = "jnp.dot(left, right, preferred_element_type=jnp.bfloat16).astype(jnp.float32)";

const faults: Readonly<Record<string, Fault>> = {
  "ranks forget earlier blocks of 128 tokens": {
    file: "routing.py",
    from: "ranks = entries_before + jnp.dot(",
    to: "ranks = 0.0 * entries_before + jnp.dot(",
    seen: "blocks",
  },
  "every chunk of rows is the first": {
    file: "transport.py",
    from: "r.tokens.at[pl.ds(first_token + chunk * s.chunk, s.chunk)]",
    to: "r.tokens.at[pl.ds(first_token, s.chunk)]",
    seen: "blocks",
  },
  "softmax without subtracting the largest": {
    file: "routing.py",
    from: "jnp.exp(logits - jnp.max(logits, axis=0, keepdims=True))",
    to: "jnp.exp(logits)",
    seen: "two-calls",
  },
  "packed rows are truncated": {
    file: "shapes.py",
    from: "low = pltpu.bitcast(low.astype(DTYPE).astype(jnp.float32), WORD)",
    to: "low = pltpu.bitcast(low, WORD)",
    seen: "uniform",
  },
  "products are rounded to bfloat16": {
    file: "feed_forward.py",
    from: PRODUCT,
    to: `return ${NARROW}`,
    seen: "uniform",
  },
  "sums are rounded to bfloat16": {
    file: "experts.py",
    from: "r.token_sums[pl.ds(starts[i], SUM_ROW), :] = sums[i]",
    to: "r.token_sums[pl.ds(starts[i], SUM_ROW), :] = sums[i].astype(jnp.bfloat16).astype(jnp.float32)",
    seen: "hot-device",
  },
};

const changed = vi.hoisted(() => ({ fault: undefined as Fault | undefined }));

vi.mock("../../src/emit/index.ts", async (original) => {
  const { emitPackage } = await original<typeof import("../../src/emit/index.ts")>();
  return {
    emitPackage: async (...given: Parameters<typeof emitPackage>) => {
      const { fault } = changed;
      return new Map(
        [...(await emitPackage(...given))].map(([path, text]) => {
          if (fault === undefined || !path.endsWith(`/${fault.file}`)) return [path, text];
          expect(text.split(fault.from)).toHaveLength(2);
          return [path, text.replace(fault.from, fault.to)];
        }),
      );
    },
  };
});

/** Their kinds are in the mutants' sample too (test/mutants/sample): by default not run. */
const LONG: readonly string[] = [
  "every chunk of rows is the first",
  "packed rows are truncated",
  "products are rounded to bfloat16",
];

test.each(Object.keys(faults).filter((name) => long || !LONG.includes(name)))(
  "%s: seen",
  async (name) => {
    changed.fault = faults[name];
    const { loaded, plan } = await checkFile(join(root, "examples", "qwen3-30b-a3b.moe.ts"));
    if (loaded === undefined || plan === undefined) throw new Error("the example does not check");
    const cases = [faults[name]?.seen ?? ""];
    const { cases: found } = await validateSpec(loaded, plan, { cases });
    expect(found.map(({ ok }) => ok)).toEqual([false]);
  },
);
