/** The options of XLA that a bucket names for the program around its calls. */
import { OPTION_NAME } from "../../spec/compiler-options.ts";
import { show } from "../../spec/show.ts";
import type { SpecPath } from "../diagnostic.ts";
import type { Kinds } from "./kinds.ts";

/** Reports into `kinds` what is wrong with the options of the bucket at `path`, if it has any. */
export function checkCompilerOptions(kinds: Kinds, path: SpecPath, value: unknown): void {
  if (value === undefined) return;
  const where = [...path, "compilerOptions"];
  const options = kinds.object(where, value);
  for (const [name, given] of Object.entries(options ?? {})) {
    if (!OPTION_NAME.test(name)) {
      kinds.findings.push({
        code: "MOE190",
        severity: "error",
        path: [...where, name],
        at: "key",
        message: `${show(name)} is no option of XLA's TPU compiler`,
        nearest: [],
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
  if (!line || because.trim() === "") {
    kinds.wrong([...path, "because"], because, "the reason, in one line");
  }
}
