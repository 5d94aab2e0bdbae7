/** Asks which model to start from; never where nobody is there to answer. */
import { createInterface } from "node:readline/promises";
import { UsageError } from "../failure.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";

export interface Answer {
  readonly model?: string;
  readonly config?: string;
}

/**
 * A model by number or name, or a config's path; Enter, `--json` and a stream that is no terminal
 * take `preset`. Throws UsageError for a model that is not in `models`, and what an interrupt
 * throws.
 */
export async function ask(models: readonly string[], preset: string, out: Output): Promise<Answer> {
  if (out.json || !process.stdin.isTTY || !process.stderr.isTTY) return { model: preset };
  out.note("Which model is the kernel for?");
  models.forEach((model, index) => {
    out.note(`  ${index + 1}  ${model}${model === preset ? "  (Enter)" : ""}`);
  });
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = "a number, a name, or the path of a config.json: ";
    const answer = (await prompt.question(question, { signal: interrupted })).trim();
    if (answer === "") return { model: preset };
    if (answer.endsWith(".json")) return { config: answer };
    const model = models[Number(answer) - 1] ?? models.find((name) => name === answer);
    if (model === undefined) throw new UsageError(`there is no model ${answer}`);
    return { model };
  } finally {
    prompt.close();
  }
}
