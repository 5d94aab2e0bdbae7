/** What an editor needs to read a spec: settings of TypeScript that take its JSON import. */
import { join, relative, resolve } from "node:path";
import { ts } from "ts-morph";

/** `preserve`: JSON imports with attributes, whether the project's package.json is of modules or not. */
const SETTINGS = {
  compilerOptions: {
    module: "preserve",
    target: "es2022",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  },
  include: ["**/*.moe.ts"],
};

export interface EditorHelp {
  /** A file to write; absent where the project has its own settings. */
  readonly file?: { readonly path: string; readonly text: string };
  /** What the project's own settings lack, one line each. */
  readonly missing: readonly string[];
}

/** For a spec in a folder, which need not be there yet. Settings of the project's own are never changed. */
export function editorHelp(folder: string, spec: string): EditorHelp {
  const found = ts.findConfigFile(resolve(folder), ts.sys.fileExists);
  if (found === undefined) {
    const text = `${JSON.stringify(SETTINGS, null, 2)}\n`;
    return { file: { path: join(folder, "tsconfig.json"), text }, missing: [] };
  }
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} };
  const parsed = ts.getParsedCommandLineOfConfigFile(found, {}, host);
  if (parsed === undefined) return { missing: [`${relative("", found)} cannot be read`] };
  const { options, fileNames } = parsed;
  const { ESNext, Preserve, Node16, Node18, Node20, NodeNext } = ts.ModuleKind;
  const kind = options.module ?? ts.ModuleKind.CommonJS;
  const resolution =
    options.moduleResolution ?? (kind === Preserve ? ts.ModuleResolutionKind.Bundler : undefined);
  const json = options.resolveJsonModule ?? resolution === ts.ModuleResolutionKind.Bundler;
  const takesAttributes = [ESNext, Preserve, Node18, Node20, NodeNext].includes(kind);
  const byPackage = [Node16, Node18, Node20, NodeNext].includes(kind);
  const name = relative("", found);
  const covered = fileNames.some((file) => resolve(file) === resolve(folder, spec));
  const needs = (setting: string) => `${setting} in compilerOptions of ${name}`;
  return {
    missing: [
      ...(takesAttributes ? [] : [needs('"module": "preserve"')]),
      ...(takesAttributes && !json ? [needs('"resolveJsonModule": true')] : []),
      ...(takesAttributes && byPackage && !ofModules(folder)
        ? ['"type": "module" in package.json']
        : []),
      ...(covered ? [] : [`"**/*.moe.ts" in include of ${name}`]),
    ],
  };
}

/** Whether the project's package.json says that its files are modules. */
function ofModules(folder: string): boolean {
  const found = ts.findConfigFile(resolve(folder), ts.sys.fileExists, "package.json");
  const { config } = found === undefined ? {} : ts.readConfigFile(found, ts.sys.readFile);
  return (config as { type?: unknown } | undefined)?.type === "module";
}
