import { Option } from "commander";
import { defineCommand, outcome, verdict } from "../command.ts";
import { EXIT } from "../exit.ts";
import { writeAtomically } from "../files.ts";
import { plural } from "../format.ts";

interface Options {
  readonly out: string;
  readonly output?: string;
}

/** `moegen report`: a store of sweeps as one page. */
export const report = defineCommand<Options>({
  name: "report",
  summary: "show a sweep's store as one self-contained HTML page",
  examples: ["moegen report .moegen/sweep", "moegen report sweeps -o report.html"],
  configure: (command) =>
    command
      .argument("<store>", "folder that `sweep --store` wrote")
      .option("-o, --out <file>", "where the page is written", "report.html")
      // Its name before the other commands had one.
      .addOption(new Option("--output <file>").hideHelp()),
  async run([folder = ""], options, out) {
    const output = options.output ?? options.out;
    const { Store } = await import("../../sweep/store.ts");
    const store = Store.open(folder, {
      warn: (text) => out.note(`${out.paint.yellow("store:")} ${text}`),
    });
    const { records } = store;
    if (records.length === 0) {
      out.note(`${out.paint.red("error:")} ${folder} has no record of a sweep`);
      out.note("  fix: moegen sweep SPEC --store FOLDER");
      const error = { code: "empty-store", message: `${folder} has no record of a sweep` };
      return outcome(EXIT.failed, { error });
    }
    const { reportPage } = await import("../../report/page.ts");
    writeAtomically(output, reportPage(records));
    out.line(`report of ${plural(records.length, "candidate")}: ${output}`);
    return verdict(true, { output, candidates: records.length });
  },
});
