/**
 * `npm run bench [-- --json] [-- --device v6e,v7x] [-- EXAMPLE…]`: the examples through the real
 * compiler, beside the peers of `peers.json`. Counts are the compiler's and the same on every
 * machine; the build time is not, so it is a median and a ratio, and no test.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../src/house/build.mjs";
import { dist, root } from "../../src/house/paths.mjs";
import { say, script } from "../../src/house/report.mjs";
import { compileExample, examples, PREFILL, rowWorkOf, vmemOf } from "./measure.mjs";
import { feedForwardRows, page, programRows } from "./report.mjs";

const RUNS = 5;
const ROW_WORK = { example: "qwen3-30b-a3b", device: "v6e", tokens: PREFILL };

/** Seconds of `moegen build`, each in a process of its own; the first, which warms, is left out. */
function buildTimes() {
  const out = mkdtempSync(join(tmpdir(), "moegen-bench-"));
  const spec = join(root, "examples", `${ROW_WORK.example}.moe.ts`);
  const args = [join(dist, "cli", "main.js"), "build", spec, "--out", out];
  try {
    const runs = Array.from({ length: RUNS + 1 }, () => {
      const start = performance.now();
      execFileSync(process.execPath, args, { stdio: "ignore" });
      return (performance.now() - start) / 1000;
    }).slice(1);
    const median = [...runs].sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0;
    return { runs, median };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

await script(async () => {
  const { values, positionals } = parseArgs({
    options: { json: { type: "boolean" }, device: { type: "string" } },
    allowPositionals: true,
  });
  await ensureBuilt();
  const build = buildTimes();
  const devices =
    /** @type {import("../../src/target/device/registry.ts").DeviceName[] | undefined} */ (
      values.device?.split(",")
    );
  const chosen = examples().filter(
    (name) => positionals.length === 0 || positionals.includes(name),
  );
  /** @type {{ example: string, target: import("./measure.mjs").Target }[]} */
  const targets = [];
  /** @type {import("./report.mjs").Figures["rowWork"]} */
  let rowWork = null;
  for (const example of chosen) {
    const compiled = await compileExample(example, {
      ...(devices === undefined ? {} : { devices }),
      onTarget: ({ device, tokens, fits, bundles, failure }) =>
        say(`${example} ${device} T ${tokens}: ${fits ? bundles?.total : failure?.message}`),
    });
    for (const target of compiled.targets) {
      targets.push({ example, target });
      const { device, tokens } = target;
      const wanted = device === ROW_WORK.device && tokens === ROW_WORK.tokens && target.bundles;
      if (wanted && example === ROW_WORK.example) {
        rowWork = { ...ROW_WORK, ...(await rowWorkOf(compiled.plan, target)) };
      }
    }
  }
  const figures = { targets, rowWork, build };
  process.stdout.write(
    values.json
      ? `${JSON.stringify({
          command: "bench",
          status: targets.every(({ target }) => target.fits) ? "ok" : "failed",
          program: programRows(targets),
          feedForward: feedForwardRows(targets),
          rowWork,
          build,
          vmem: targets.map(({ example, target }) => ({
            ...{ example, device: target.device, tokens: target.tokens },
            ...vmemOf(target),
          })),
        })}\n`
      : page(figures),
  );
  return targets.every(({ target }) => target.fits) ? 0 : 1;
});
