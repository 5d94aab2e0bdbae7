import { defineCommand, outcome } from "../command.ts";
import { EXIT } from "../exit.ts";
import { UsageError } from "../failure.ts";
import { writeAtomically } from "../files.ts";
import { bytes, plural } from "../format.ts";
import type { Output } from "../output.ts";

interface Options {
  readonly out?: string;
  readonly compiled?: boolean;
}

const ACTIONS = ["ls", "merge", "gc", "export"] as const;
const STORE = ".moegen/sweep";

/** `moegen store`: the records of sweeps, as folders that several people fill. */
export const store = defineCommand<Options>({
  name: "store",
  summary: "list, merge, tidy or export the records of sweeps",
  examples: [
    "moegen store ls sweeps",
    "moegen store merge sweeps /shared/ann /shared/bob",
    "moegen store gc sweeps",
    "moegen store gc --compiled      # forgets what the compiler made of kernels",
    "moegen store export sweeps -o sweeps.jsonl",
    "moegen store merge sweeps ann.jsonl bob.jsonl   # exported, e.g. copied from object storage",
  ],
  configure: (command) =>
    command
      .argument("<action>", `${ACTIONS.join(", ")}; each is safe while sweeps write`)
      .argument(
        "[folders...]",
        `store; merge: into which, and from which or their exports (default: ${STORE})`,
      )
      .option("-o, --out <file>", "export: where the records are written, a line of JSON each")
      .option("--compiled", "gc: the cache of compiled kernels instead of a store"),
  async run([action = "", ...folders], options, out) {
    if (!ACTIONS.some((known) => known === action)) {
      throw new UsageError(`store ${action}: wanted ${ACTIONS.join(", ")}`);
    }
    if (options.compiled === true) return clearCompiled(action, folders, out);
    if (action !== "merge" && folders.length > 1) {
      throw new UsageError(`store ${action} takes one folder`);
    }
    const [folder = STORE, ...from] = folders;
    const tend = await import("../../sweep/tend.ts");
    const warn = (text: string): void => out.note(`${out.paint.yellow("store:")} ${text}`);
    if (action === "merge") {
      if (from.length === 0) throw new UsageError("store merge wants INTO and at least one FROM");
      const merged = tend.mergeStores(folder, from, warn);
      out.line(`${folder}: ${plural(merged.added, "record")} added, ${merged.records} in all`);
      return outcome(EXIT.ok, { store: folder, ...merged });
    }
    if (action === "gc") {
      const tidied = tend.tidyStore(folder, warn);
      const lines = plural(tidied.dropped, "line");
      out.line(`${folder}: ${plural(tidied.records, "record")}; ${lines} dropped`);
      return outcome(EXIT.ok, { store: folder, ...tidied });
    }
    const { records } = tend.openStore(folder, warn);
    if (action === "export") {
      if (options.out === undefined) throw new UsageError("store export wants -o FILE");
      writeAtomically(options.out, tend.exported(records));
      out.line(`${plural(records.length, "record")} written to ${options.out}`);
      return outcome(EXIT.ok, { store: folder, output: options.out, records: records.length });
    }
    const held = tend.heldIn(records);
    for (const { spec, bucket, device, measured, dropped } of held) {
      out.line(`  ${spec}  ${bucket}  ${device}  ${measured} measured, ${dropped} dropped`);
    }
    out.line(`${folder}: ${plural(records.length, "record")}`);
    return outcome(EXIT.ok, { store: folder, records: records.length, held });
  },
});

async function clearCompiled(action: string, folders: readonly string[], out: Output) {
  if (action !== "gc" || folders.length > 0) throw new UsageError("--compiled goes with gc alone");
  const { CompileCache } = await import("../../runner/index.ts");
  const cleared = CompileCache.usual()?.clear() ?? { folder: null, entries: 0, bytes: 0 };
  out.line(`${plural(cleared.entries, "compiled kernel")} forgotten, ${bytes(cleared.bytes)}`);
  return outcome(EXIT.ok, { cleared });
}
