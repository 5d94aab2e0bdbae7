/**
 * `npm run bench:aot [-- --device v6e,v7x] [-- --fresh] [-- --json] [-- NAME…]`: every feature at the
 * sizes of real models through the real compiler. Lines appear as kernels are done; results are kept
 * in `.cache/`, and the next run compiles only what it has not seen. Fails where a kernel that the
 * plan says fits does not compile, or where the planned VMEM is off by more than 5 %.
 */
import { rmSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../../src/house/build.mjs";
import { root } from "../../../src/house/paths.mjs";
import { say, script } from "../../../src/house/report.mjs";
import { compileEntries } from "./compile.mjs";
import { errorOf, HEAD, line, summary, worstErrors } from "./report.mjs";

const STORE = join(root, ".cache", "bench-aot.jsonl");
const MOST_ERROR = 0.05;

await script(async () => {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: "boolean" },
      fresh: { type: "boolean" },
      device: { type: "string" },
    },
    allowPositionals: true,
  });
  await ensureBuilt();
  const { DEVICES, entries, featuresOf } = await import("./specs.mjs");
  const wanted = values.device?.split(",") ?? DEVICES;
  const chosen = (await entries())
    .filter(({ name }) => positionals.length === 0 || positionals.some((p) => name.includes(p)))
    .flatMap((entry) => {
      const [first, ...others] = entry.spec.devices.filter((device) =>
        wanted.some((name) => name === device),
      );
      if (first === undefined) return [];
      return [
        { ...entry, spec: { ...entry.spec, devices: /** @type {const} */ ([first, ...others]) } },
      ];
    });
  if (chosen.length === 0) {
    say(`no kernel of that name on ${wanted.join(", ")}`);
    return 64;
  }
  if (values.fresh) rmSync(STORE, { force: true });
  const features = new Map(chosen.map(({ name, spec }) => [name, featuresOf(spec)]));
  const kernels = chosen.reduce(
    (sum, { spec, tokens }) => sum + spec.devices.length * tokens.length,
    0,
  );
  say(`${kernels} kernels; ${relative(root, STORE)} keeps what is done`);
  const print = values.json
    ? say
    : (/** @type {string} */ text) => process.stdout.write(`${text}\n`);
  print(HEAD);
  const rows = await compileEntries(chosen, {
    store: STORE,
    onRow: (row, kept) => print(`${line(row, features.get(row.name))}${kept ? "  (kept)" : ""}`),
  });
  print(summary(rows));
  const wrong = rows.filter((row) => row.fits === "no" || Math.abs(errorOf(row) ?? 0) > MOST_ERROR);
  if (values.json) {
    const status = wrong.length === 0 ? "ok" : "failed";
    const kernelsOut = rows.map((row) => ({
      ...row,
      error: errorOf(row),
      features: features.get(row.name),
    }));
    const report = { command: "bench:aot", status, kernels: kernelsOut, worst: worstErrors(rows) };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  return wrong.length === 0 ? 0 : 1;
});
