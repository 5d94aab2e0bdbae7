#!/usr/bin/env node
import { EXIT } from "./exit.ts";
import { main } from "./program.ts";

// Whoever reads the output may have had enough of it: `moegen build ... --diff | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  process.stderr.write(`error: the output cannot be written: ${error.message}\n`);
  process.exit(EXIT.environment);
});

process.exitCode = await main(process.argv.slice(2));
