/**
 * `npm run fuzz [-- --runs 10000] [-- --seed 1] [-- --validate 100] [-- --compile 50] [-- --json]`: what
 * `npm test` does with 200 random specs, with thousands; then a sample on simulated devices and one
 * through the TPU compiler. What fails is made smaller and kept in `test/fuzz/regressions`.
 */
import { parseArgs } from "node:util";
import { say, script } from "../../src/house/report.mjs";
import { Soak } from "./soak.ts";

function count(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name} ${text}: a whole number is needed`);
}

await script(async () => {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
      validate: { type: "string", default: "100" },
      compile: { type: "string", default: "50" },
      json: { type: "boolean", default: false },
    },
  });
  const result = await new Soak({
    runs: count("runs", values.runs),
    seed: count("seed", values.seed),
    validate: count("validate", values.validate),
    compile: count("compile", values.compile),
    say,
  }).run();
  if (values.json) console.log(JSON.stringify(result));
  else {
    const { runs, seed, accepted, validated, compiled, failures, seconds } = result;
    console.log(`${runs} specs of seed ${seed}: ${accepted} legal, ${runs - accepted} refused`);
    console.log(`${validated} validated, ${compiled} compiled, in ${seconds} s`);
    for (const { index, stage, kept } of failures) console.log(`  ${index} ${stage}: ${kept}`);
  }
  return result.ok ? 0 : 1;
});
