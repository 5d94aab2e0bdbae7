/** A value that a config gave is not in the spec: a finding says which field it was. */
import type { Finding } from "./diagnostic.ts";

/** The finding with the config's field in its note, where the value is of one of `fields`, by layer field. */
export function originNote(finding: Finding, fields: Readonly<Record<string, string>>): Finding {
  const { path, note } = finding;
  const field = path[0] === "layer" ? fields[path.slice(1).join(".")] : undefined;
  if (field === undefined) return finding;
  const origin = `the value is ${field} of the config`;
  return { ...finding, note: note === undefined ? origin : `${origin}; ${note}` };
}
