/** `npm start`: the main job on one real model, from its spec to the TPU compiler's word. */
import { join } from "node:path";
import { root } from "./paths.mjs";
import { elapsed, run, say, script } from "./report.mjs";
import { setUp } from "./setup.mjs";

const SPEC = "examples/qwen3-30b-a3b.moe.ts";
const DEVICES = "v6e,v7x";
const STEPS = [
  ["build", SPEC],
  ["validate", SPEC],
  ["compile", SPEC, "--device", DEVICES],
];

await script(async () => {
  await setUp();
  const start = performance.now();
  for (const step of STEPS) {
    say(`\n$ moegen ${step.join(" ")}`);
    const code = await run(process.execPath, [join(root, "dist", "cli", "main.js"), ...step], {
      cwd: root,
      stdio: ["ignore", 1, 2],
    });
    if (code !== 0) {
      say(`\nmoegen ${step[0]} ended with code ${code}; see what it says above`);
      return code;
    }
  }
  process.stdout.write(`
${SPEC} is built, validated on simulated devices and compiled for ${DEVICES} (${elapsed(start)}).
  the kernel      generated/qwen3_30b_a3b/kernel.py
  what it does    npm run -s moegen -- explain ${SPEC}
  your own model  npm run -s moegen -- init --config path/to/config.json
  all commands    npm run -s moegen -- --help
`);
  return 0;
});
