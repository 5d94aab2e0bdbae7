/** Thousands of random specs: all through the checker and the emitter, samples on to JAX. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { type CompileResult, compileSpec, validateSpec } from "../../src/runner/index.ts";
import { type Accepted, examine } from "./examine.ts";
import { complaints, type Package } from "./python.ts";
import { anySpecs, textOf } from "./specs.ts";

const REGRESSIONS = fileURLToPath(new URL("regressions/", import.meta.url));
/** Packages that Black and an import see at once. */
const BATCH = 100;
/** Seconds of looking for a smaller spec that fails as well. */
const SHRINK_SECONDS = 120;
/** The case of each kind that says most: sums, ids, what the first call leaves, the reference. */
const CASES = ["reference", "two-calls", "ids", "hot-device"];
/** More devices than that are minutes on two cores. */
const MOST_DEVICES = 8;

export interface SoakOptions {
  readonly runs: number;
  readonly seed: number;
  readonly validate: number;
  readonly compile: number;
  readonly say: (line: string) => void;
}

export interface Failure {
  readonly index: number;
  readonly stage: "check" | "python" | "validate" | "compile";
  readonly message: string;
  /** The spec as it is kept, beside the others that failed once. */
  readonly kept: string;
}

export interface SoakResult {
  readonly ok: boolean;
  readonly runs: number;
  readonly seed: number;
  readonly accepted: number;
  readonly validated: number;
  readonly compiled: number;
  /** Specs by diagnostic. */
  readonly codes: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  readonly seconds: number;
}

type Check = (input: unknown) => Promise<void>;

export class Soak {
  readonly #options: SoakOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "moegen-fuzz-"));
  readonly #codes = new Map<string, number>();
  readonly #failures: Failure[] = [];
  readonly #legal: number[] = [];
  #inputs: readonly unknown[] = [];

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async run(): Promise<SoakResult> {
    const start = performance.now();
    const { runs, seed, say } = this.#options;
    const property = fc.asyncProperty(anySpecs, async () => {});
    this.#inputs = fc.sample(property, { numRuns: runs, seed }).map(([input]) => input);
    try {
      await this.#front();
      const validated = await this.#sample("validate", this.#options.validate, validates);
      const compiled = await this.#sample("compile", this.#options.compile, compiles);
      return {
        ok: this.#failures.length === 0,
        runs,
        seed,
        accepted: this.#legal.length,
        validated,
        compiled,
        codes: Object.fromEntries([...this.#codes].sort(([a], [b]) => a.localeCompare(b))),
        failures: this.#failures,
        seconds: Math.round((performance.now() - start) / 1000),
      };
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
      say(`${this.#failures.length} failures`);
    }
  }

  /** Every spec as a file; what is accepted as Python. */
  async #front(): Promise<void> {
    let packages: Package[] = [];
    const flush = async (): Promise<void> => {
      const batch = packages;
      packages = [];
      for (const [index, why] of await complaints(batch)) {
        await this.#fail(index, "python", why, (input) => this.#python(input));
      }
    };
    for (const [index, input] of this.#inputs.entries()) {
      try {
        const { accepted, layers, codes } = await examine(input, this.#folder);
        for (const code of new Set(codes)) this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
        if (accepted !== undefined) {
          this.#legal.push(index);
          packages.push({ index, name: accepted.plan.name, files: accepted.files });
        }
        if (layers !== undefined) packages.push({ index, ...layers });
      } catch (thrown) {
        const check: Check = async (tried) => void (await examine(tried, this.#folder));
        await this.#fail(index, "check", String(thrown), check);
      }
      if (packages.length >= BATCH) await flush();
      if ((index + 1) % 500 === 0) {
        this.#options.say(`${index + 1} specs, ${this.#legal.length} of them legal`);
      }
    }
    await flush();
  }

  async #python(input: unknown): Promise<void> {
    const { accepted, layers } = await examine(input, this.#folder);
    const made = layers ?? (accepted && { name: accepted.plan.name, files: accepted.files });
    if (made === undefined) return;
    for (const [, why] of await complaints([{ index: 0, ...made }])) {
      throw new Error(why);
    }
  }

  /** Evenly over all that were accepted; returns how many. */
  async #sample(
    stage: "validate" | "compile",
    count: number,
    check: (accepted: Accepted) => Promise<void>,
  ): Promise<number> {
    const through: Check = async (input) => {
      const { accepted } = await examine(input, this.#folder);
      if (accepted !== undefined) await check(accepted);
    };
    let done = 0;
    const step = Math.max(1, Math.floor(this.#legal.length / Math.max(1, 2 * count)));
    for (let place = 0; place < this.#legal.length && done < count; place += step) {
      const index = this.#legal[place] ?? 0;
      const { accepted } = await examine(this.#inputs[index], this.#folder);
      if (accepted === undefined) continue;
      if (stage === "validate" && accepted.plan.mesh.ep > MOST_DEVICES) continue;
      try {
        await check(accepted);
      } catch (thrown) {
        await this.#fail(index, stage, String(thrown), through);
      }
      done += 1;
      if (done % 10 === 0) this.#options.say(`${stage}: ${done} of ${count}`);
    }
    return done;
  }

  /** Looks for a smaller spec that fails too, and keeps it. */
  async #fail(
    index: number,
    stage: Failure["stage"],
    message: string,
    check: Check,
  ): Promise<void> {
    const { seed, say } = this.#options;
    say(`spec ${index} fails, ${stage}: ${message.slice(0, 300)}`);
    const shrunk = await fc.check(fc.asyncProperty(anySpecs, check), {
      seed,
      path: String(index),
      numRuns: 1,
      interruptAfterTimeLimit: 1000 * SHRINK_SECONDS,
    });
    const [smallest] = shrunk.counterexample ?? [this.#inputs[index]];
    const kept = `${stage}-${seed}-${index}.moe.ts`;
    const [reason] = message.split("\n");
    writeFileSync(join(REGRESSIONS, kept), `// ${reason}\n${textOf(smallest)}`);
    this.#failures.push({ index, stage, message, kept });
  }
}

async function validates({ loaded, plan }: Accepted): Promise<void> {
  const { cases } = await validateSpec(loaded, plan, { cases: CASES });
  const wrong = cases.filter(({ ok }) => !ok);
  if (wrong.length === 0 && cases.length > 0) return;
  throw new Error(
    wrong.map(({ case: name, failure }) => `${name}: ${failure?.message}`).join("; "),
  );
}

/** One device kind, the spec's first: decode and prefill. */
async function compiles({ plan }: Accepted): Promise<void> {
  const [first] = plan.kernels;
  if (first === undefined) throw new Error("no kernel");
  const { targets }: CompileResult = await compileSpec(plan, { devices: [first.device] });
  const wrong = targets.filter(({ fits }) => !fits);
  if (wrong.length === 0) return;
  throw new Error(wrong.map(({ device, failure }) => `${device}: ${failure?.message}`).join("; "));
}
