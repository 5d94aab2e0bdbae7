/** Options that several commands have. */
import { Option } from "commander";
import { deviceNames } from "../target/device/registry.ts";
import { positiveList, wordList } from "./parse.ts";

/** `--device v6e,v7x`; `unless`: the devices where it is absent, in words. */
export function deviceOption(unless: string): Option {
  const listed = `any of ${deviceNames.join(", ")} (default: ${unless})`;
  return new Option("--device <list>", listed).argParser(wordList(deviceNames));
}

/** `--kind hashed`: of a spec of several kinds of layers. */
export function kindOption(): Option {
  const described = "of a spec with layers, kinds by name (default: all, one after the other)";
  return new Option("--kind <list>", described).argParser((text) => text.split(","));
}

/** `--fresh`: what the compiler made of a kernel before is not believed. */
export function freshOption(): Option {
  return new Option("--fresh", "compile again what was compiled before");
}

/** `--tokens 64,2048`; `unless`: the counts where it is absent, in words. */
export function tokensOption(unless: string): Option {
  const described = `token counts, all devices together (default: ${unless})`;
  return new Option("--tokens <list>", described).argParser(positiveList);
}
