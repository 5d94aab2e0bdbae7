import { defineCommand, outcome } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Output } from "../output.ts";

interface Options {
  readonly fix?: boolean;
  readonly ray?: boolean;
}

/** `moegen doctor`: what this machine has, what is missing, and how to get it. */
export const doctor = defineCommand<Options>({
  name: "doctor",
  summary: "show what this machine has, and the fix for each thing missing",
  examples: [
    "moegen doctor",
    "moegen doctor --fix",
    "moegen doctor --fix --ray",
    "moegen doctor --json",
  ],
  configure: (command) =>
    command
      .option("--fix", "make the Python environment from the locked requirements")
      .option("--ray", "with what sweeps over many machines need too"),
  async run(_args, { fix, ray = false }, out) {
    const { examine } = await import("../doctor/examine.ts");
    if (fix) {
      const { ensurePythonEnvironment, ensureRay } = await import("../../house/python-env.mjs");
      await ensurePythonEnvironment();
      if (ray) await ensureRay();
    }
    const findings = await examine({ ray });
    const width = Math.max(...findings.map(({ name }) => name.length));
    for (const { name, ok, needed, value, fix: remedy } of findings) {
      out.line(`  ${mark(ok, needed, out)} ${name.padEnd(width)}  ${value}`);
      if (!ok && remedy !== undefined) out.line(`    ${" ".repeat(width)}  fix: ${remedy}`);
    }
    const missing = findings.filter(({ ok, needed }) => needed && !ok);
    out.line(
      missing.length === 0
        ? "all is in place\nnext: moegen init"
        : `missing: ${missing.map(({ name }) => name).join(", ")}`,
    );
    return outcome(missing.length === 0 ? EXIT.ok : EXIT.environment, { findings });
  },
});

function mark(ok: boolean, needed: boolean, { paint }: Output): string {
  if (ok) return paint.green("✓");
  return needed ? paint.red("✗") : paint.dim("-");
}
