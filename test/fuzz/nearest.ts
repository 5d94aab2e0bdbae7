/** "Nearest legal" must be legal: put in its place, the finding is gone. */
import type { Finding } from "../../src/check/diagnostic.ts";
import type { MoeInput, MoeSpec } from "../../src/index.ts";

type Step = string | number;

function get(value: unknown, path: readonly Step[]): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null ? Reflect.get(at, step) : undefined),
    value,
  );
}

/** A copy with one value replaced; marks that JSON does not see are not kept. */
function withValue(value: unknown, [step, ...below]: readonly Step[], made: unknown): unknown {
  if (step === undefined) return made;
  const inner = withValue(get(value, [step]), below, made);
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? inner : item));
  return { ...(value as object), [step]: inner };
}

/** What is meant by text such as `true`. */
function literal(value: number | string): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return value;
  }
}

const same = (a: Finding, b: Finding): boolean =>
  a.code === b.code && a.path.join() === b.path.join() && a.detail === b.detail;

/** True, too, where nearest is text to read (a tile of each axis, a list) and not one value. */
export function nearestHolds(
  spec: MoeSpec,
  finding: Finding,
  judged: (spec: MoeInput) => readonly Finding[],
): boolean {
  const { path, nearest, at } = finding;
  const old = get(spec, path);
  if (at === "key" || path.length === 0) return true;
  return nearest.every((value) => {
    if (typeof value !== typeof old) return true;
    return [value, literal(value)].some((made) => {
      const changed = withValue(spec, path, made) as MoeInput;
      return !judged(changed).some((found) => same(found, finding));
    });
  });
}
