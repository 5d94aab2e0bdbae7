/** The options of XLA that a bucket names for the program around its calls. */
import type { KernelPlan } from "../../plan/plan.ts";
import { type CompilerOptionValue, OPTION_NAME } from "../../spec/compiler-options.ts";
import type { LayersSpec } from "../../spec/layers.ts";
import { show } from "../../spec/show.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import type { Kinds } from "./kinds.ts";
import { error } from "./rule.ts";

/** Letters of an option's name, and of a word of a reason: lines of the package stay short. */
const LONGEST_WORD = 80;
/** Letters of a reason. */
const LONGEST_REASON = 400;

/** Reports into `kinds` what is wrong with the options of the bucket at `path`, if it has any. */
export function checkCompilerOptions(kinds: Kinds, path: SpecPath, value: unknown): void {
  if (value === undefined) return;
  const where = [...path, "compilerOptions"];
  const options = kinds.object(where, value);
  for (const [name, given] of Object.entries(options ?? {})) {
    const long = name.length > LONGEST_WORD;
    if (long || !OPTION_NAME.test(name)) {
      const why = long
        ? `an option's name has ${name.length} letters, ${LONGEST_WORD} are the most`
        : `${show(name)} is no option of XLA's TPU compiler`;
      kinds.findings.push({
        ...error({ code: "MOE190", path: [...where, name], message: why }),
        at: "key",
      });
      continue;
    }
    checkOption(kinds, [...where, name], given);
  }
}

function checkOption(kinds: Kinds, path: SpecPath, given: unknown): void {
  const option = kinds.object(path, given);
  if (option === undefined) return;
  kinds.keys(path, option, ["value", "because"]);
  const { value, because } = option;
  if (typeof value !== "boolean" && !Number.isSafeInteger(value)) {
    kinds.wrong([...path, "value"], value, "true, false or a whole number");
  }
  // It stands as a comment in the package.
  const line = typeof because === "string" && /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(because);
  const short =
    line &&
    because.length <= LONGEST_REASON &&
    because.split(" ").every((word) => word.length <= LONGEST_WORD);
  if (!short || because.trim() === "") {
    const most = `at most ${LONGEST_REASON} letters, ${LONGEST_WORD} a word`;
    kinds.wrong([...path, "because"], because, `the reason, in one line of ${most}`);
  }
}

/** A kind of layers with its kernels. */
interface KernelsOf {
  readonly kind: string;
  readonly kernels: readonly KernelPlan[];
}

/** Its kernel of a call of so many tokens, on any device: the largest has what is above. */
function kernelAt({ kernels }: KernelsOf, tokens: number): KernelPlan | undefined {
  const ascending = kernels.toSorted((a, b) => a.tiles.upTo - b.tiles.upTo);
  return ascending.find(({ tiles }) => tokens <= tiles.upTo) ?? ascending.at(-1);
}

/** MOE191: one program has all layers, and an option one value in it. */
export function kindsAgree(spec: LayersSpec, kinds: readonly KernelsOf[]): readonly Finding[] {
  const bounds = new Set(kinds.flatMap(({ kernels }) => kernels.map(({ tiles }) => tiles.upTo)));
  const counts = [...bounds, Math.max(...bounds) + 1];
  const found = new Map<string, Finding>();
  for (const tokens of counts.toSorted((a, b) => a - b)) {
    const first = new Map<string, { readonly kind: string; readonly value: CompilerOptionValue }>();
    // Those that share a schedule agree; who has one of their own is told.
    const shared = kinds.toSorted((a, b) => Number(isOwn(spec, a)) - Number(isOwn(spec, b)));
    for (const kind of shared) {
      const kernel = kernelAt(kind, tokens);
      for (const [option, { value }] of Object.entries(kernel?.compilerOptions ?? {})) {
        const before = first.get(option);
        if (before === undefined) first.set(option, { kind: kind.kind, value });
        else if (before.value !== value && kernel !== undefined) {
          const own = ["layers", kind.kind, "schedule", "tiles", kernel.bucket, "compilerOptions"];
          const path = [...own, option, "value"];
          const message = `${option} = ${value} in ${kind.kind}, ${before.value} in ${before.kind}, with ${tokens} tokens`;
          const nearest = [String(before.value)];
          if (!found.has(path.join())) {
            found.set(path.join(), error({ code: "MOE191", path, message, nearest }));
          }
        }
      }
    }
  }
  return [...found.values()];
}

function isOwn({ layers }: LayersSpec, { kind }: KernelsOf): boolean {
  return layers[kind]?.schedule !== undefined;
}
