/** The checker's door, wired to the schedules and devices there are. */
import type { Registries } from "../lower/lower.ts";
import { schedules } from "../schedule/registry.ts";
import { devices } from "../target/device/registry.ts";
import { checkPath, type FileResult } from "./check.ts";

export type { CheckResult, FileResult } from "./check.ts";
export { type Code, codes } from "./codes.ts";
export { type Diagnostic, hasErrors } from "./diagnostic.ts";
export type { JudgedKind } from "./layers.ts";
export { renderDiagnostics, summarise } from "./render.ts";
export { untaken } from "./rules/quantization.ts";
export { UNDECIDED } from "./rules/several.ts";
export type { Member } from "./several.ts";

export const registries: Registries = { schedules, devices };

/**
 * Loads and judges a file. Never throws for what a spec says, that is what diagnostics are for; a
 * spec that does not load is a result like any other.
 */
export function checkFile(path: string, using = registries): Promise<FileResult> {
  return checkPath(path, using);
}
