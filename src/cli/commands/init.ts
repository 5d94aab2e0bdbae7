import { join } from "node:path";
import { Option } from "commander";
import { type LauncherName, launcherNames, launchers } from "../../launcher/registry.ts";
import { defined } from "../../spec/defined.ts";
import { type DeviceName, deviceNames } from "../../target/device/registry.ts";
import { defineCommand, verdict } from "../command.ts";
import { UsageError } from "../failure.ts";
import { readIfThere, writeAtomically } from "../files.ts";
import { publishedModels } from "../init/models.ts";
import { positive, wordList } from "../parse.ts";
import { checkSpecs } from "../specs.ts";

interface Options {
  readonly model?: string;
  readonly config?: string;
  readonly checkpoint?: string;
  readonly name?: string;
  readonly ep?: number;
  readonly device?: readonly DeviceName[];
  readonly quantization?: "none";
  readonly guess?: true;
  readonly out: string;
  readonly dir?: string;
  readonly force?: boolean;
  readonly launcher?: LauncherName;
}

const models = publishedModels();

const summaries = (): string =>
  Object.values(launchers)
    .map(({ name, summary }) => `${name} (${summary})`)
    .join(", ");

/** `moegen init`: a starter spec that checks without error. */
export const init = defineCommand<Options>({
  name: "init",
  summary:
    "write a starter spec, from a published model or a config.json; or what starts a Ray cluster",
  examples: [
    "moegen init --model qwen3-30b-a3b",
    "moegen init --config path/to/config.json --ep 4 --device v6e,v7x",
    "moegen init --config path/to/config.json --quantization none",
    "moegen init --config path/to/config.json --guess",
    "moegen init --checkpoint path/to/Qwen3-30B-A3B",
    "moegen init --launcher compose",
    "moegen init --launcher kuberay --device v6e --out deploy",
  ],
  configure: (command) =>
    command
      .option("--model <name>", `a published model: ${models.join(", ")}`)
      .option(
        "--config <file>",
        "a Hugging Face config.json of a known architecture, or its folder",
      )
      .option(
        "--checkpoint <dir>",
        "a folder with config.json and *.safetensors: their headers must say what the config says",
      )
      .option("--name <name>", "Python package name (default: from the config's model type)")
      .option("--ep <n>", "with --config: devices the experts are spread over (4)", positive)
      .option(
        "--device <list>",
        "with --config: devices to run on (v6e, or the first that takes the layer); with --launcher: " +
          "the kind of its slice (v6e)",
        wordList(deviceNames),
      )
      .addOption(
        new Option(
          "--quantization <kind>",
          "with --config: weights of the config's dtype, whatever the checkpoint has",
        ).choices(["none"]),
      )
      .option("--guess", "with --config: read an unknown architecture by its fields' usual names")
      .addOption(
        new Option(
          "--launcher <name>",
          `instead of a spec, files that start a Ray cluster for sweeps: ${summaries()}`,
        ).choices(launcherNames),
      )
      .option("-o, --out <dir>", "folder that gets the spec, or the launcher's folder", ".")
      // Its name before the other commands had one.
      .addOption(new Option("--dir <dir>").hideHelp())
      .option("--force", "overwrite files that are there"),
  async run(_args, options, out) {
    const given = [options.model, options.config, options.checkpoint].filter(Boolean);
    if (given.length > 1) throw new UsageError("give one of --model, --config and --checkpoint");
    const folder = options.dir ?? options.out;
    if (options.launcher !== undefined) {
      const { writeLauncher } = await import("../init/launcher.ts");
      return writeLauncher({ ...options, launcher: options.launcher, folder }, out);
    }
    const { ask } = await import("../init/ask.ts");
    const { starterFromConfig, starterFromModel } = await import("../init/starter.ts");
    const { configIn } = await import("../init/checkpoint.ts");
    const named = options.config ?? options.checkpoint;
    const choice =
      options.model || named
        ? { ...options, ...defined({ config: named }) }
        : await ask(models, "qwen3-30b-a3b", out);
    const starter = choice.config
      ? starterFromConfig({ ...options, config: configIn(choice.config) })
      : starterFromModel(choice.model ?? "qwen3-30b-a3b");
    const files = [...starter.files].map(([name, text]) => ({
      path: join(folder, name),
      text,
    }));
    const taken = files.filter(({ path, text }) => ![undefined, text].includes(readIfThere(path)));
    if (taken.length > 0 && !options.force) {
      const names = taken.map(({ path }) => path).join(", ");
      throw new UsageError(`${names} exists and is different; --force overwrites it`);
    }
    for (const { path, text } of files) {
      writeAtomically(path, text);
      out.line(`wrote ${path}`);
    }
    const { editorHelp } = await import("../init/editor.ts");
    const { file, missing } = editorHelp(folder, starter.spec);
    if (file !== undefined) {
      files.push(file);
      writeAtomically(file.path, file.text);
      out.line(`wrote ${file.path}, with what an editor needs to read specs`);
    }
    for (const line of missing) out.line(`for an editor to read the spec: ${line}`);
    for (const remark of starter.remarks) out.note(remark);
    const spec = join(folder, starter.spec);
    const checked = await checkSpecs([spec], out);
    out.line(
      checked.ok ? `next: moegen build ${spec}` : `edit ${spec}, then: moegen check ${spec}`,
    );
    // What was written stays, to be edited; a script must not take it for a spec that builds.
    return verdict(checked.ok, {
      spec,
      files: files.map(({ path }) => path),
      editor: missing,
      checks: checked.ok,
      remarks: starter.remarks,
      diagnostics: checked.diagnostics,
    });
  },
});
