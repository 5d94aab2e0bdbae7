/** Values in messages. */

/** A value as a spec or a config has it, short enough for a message. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  const text = jsonOf(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "nothing";
  } catch {
    return "a value that JSON cannot hold";
  }
}
