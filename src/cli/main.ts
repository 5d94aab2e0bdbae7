#!/usr/bin/env node
import { oldNode } from "../house/node-version.mjs";
import { EXIT } from "./exit.ts";

// Whoever reads the output may have had enough of it: `moegen build ... --diff | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
  process.exit(EXIT.environment);
});

const args = process.argv.slice(2);
const old = oldNode();
if (old === undefined) {
  // Only now: an older Node may not even load it.
  const { main } = await import("./program.ts");
  process.exitCode = await main(args);
  // A fault of moegen may have left a worker or a timer behind that nobody ends.
  if (process.exitCode === EXIT.internal) {
    process.stdout.write("", () => process.stderr.write("", () => process.exit()));
  }
} else {
  if (args.includes("--json")) {
    const error = { code: "old-node", ...old };
    process.stdout.write(
      `${JSON.stringify({ command: null, status: "failed", error }, null, 2)}\n`,
    );
  } else {
    process.stderr.write(`error: ${old.message}\n  fix: ${old.fix}\n`);
  }
  process.exitCode = EXIT.environment;
}
