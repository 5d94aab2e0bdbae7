/** Names: of the package and the devices. */
import { show } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

const PYTHON_KEYWORDS: ReadonlySet<string> = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except " +
    "finally for from global if import in is lambda nonlocal not or pass raise return try while " +
    "with yield"
  ).split(" "),
);

export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !PYTHON_KEYWORDS.has(name);
}

/** The nearest identifier: what a reader would have written. */
export function toIdentifier(name: string): string {
  const cleaned = name.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "");
  if (PYTHON_KEYWORDS.has(cleaned)) return `${cleaned}_`;
  return /^[0-9]/.test(cleaned) ? `_${cleaned}` : cleaned;
}

export const nameIsIdentifier: Rule = ({ spec, sound }) => {
  if (!sound("name") || isIdentifier(spec.name)) return [];
  const better = toIdentifier(spec.name);
  const keyword = PYTHON_KEYWORDS.has(spec.name);
  return [
    error({
      code: "MOE101",
      path: ["name"],
      message: keyword
        ? `name ${show(spec.name)} is a Python keyword`
        : `name ${show(spec.name)} is not a Python identifier`,
      nearest: better === "" ? [] : [better],
    }),
  ];
};

export const deviceList: Rule = ({ spec, sound, devices }) => {
  if (!sound("devices")) return [];
  const list: readonly string[] = spec.devices;
  if (list.length === 0) {
    const nearest = Object.keys(devices);
    return [error({ code: "MOE108", path: ["devices"], message: "devices is empty", nearest })];
  }
  return list.flatMap((device, index) =>
    list.indexOf(device) === index
      ? []
      : [
          error({
            code: "MOE108",
            path: ["devices", index],
            message: `device ${show(device)} is repeated`,
          }),
        ],
  );
};
