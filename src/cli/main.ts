#!/usr/bin/env node
import { main } from "./program.ts";

// Whoever reads the output may have had enough of it: `moegen build ... --diff | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await main(process.argv.slice(2));
