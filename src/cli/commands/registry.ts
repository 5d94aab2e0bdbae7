/** The commands: one file and one line each, in the order of `moegen --help`. */
import type { CliCommand } from "../command.ts";
import { build } from "./build.ts";
import { check } from "./check.ts";
import { compile } from "./compile.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { init } from "./init.ts";
import { predict } from "./predict.ts";
import { profile } from "./profile.ts";
import { report } from "./report.ts";
import { revert } from "./revert.ts";
import { store } from "./store.ts";
import { sweep } from "./sweep.ts";
import { time } from "./time.ts";
import { validate } from "./validate.ts";

export const commands: readonly CliCommand[] = [
  init,
  check,
  build,
  revert,
  explain,
  validate,
  compile,
  predict,
  profile,
  sweep,
  report,
  store,
  time,
  doctor,
];
