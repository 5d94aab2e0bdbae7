import { defineCommand } from "../command.ts";
import { type IntoFlags, intoOptions, revertTree } from "../into/commands.ts";

interface Options extends IntoFlags {
  readonly into: string;
  readonly spec?: readonly string[];
}

/** `moegen revert`: a tree as it was before `build --into`. */
export const revert = defineCommand<Options>({
  name: "revert",
  summary: "take kernels out of a source tree again, byte for byte",
  examples: [
    "moegen revert --into ../sglang-jax",
    "moegen revert --into ../sglang-jax --spec qwen3_30b_a3b",
    "moegen revert --into ../sglang-jax --diff",
  ],
  configure: (command) => {
    command
      .requiredOption("--into <tree>", "the tree that was built into")
      .option("--spec <names...>", "only the kernels of these names; default: all");
    intoOptions(command);
  },
  run: (_args, options, out) => revertTree(options.spec, options, out),
});
