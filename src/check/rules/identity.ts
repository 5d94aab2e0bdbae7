/** Names: of the package, the mesh axes and the devices. */
import type { Finding } from "../diagnostic.ts";
import { show } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

const PYTHON_KEYWORDS: ReadonlySet<string> = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except " +
    "finally for from global if import in is lambda nonlocal not or pass raise return try while " +
    "with yield"
  ).split(" "),
);

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !PYTHON_KEYWORDS.has(name);
}

/** The nearest identifier: what a reader would have written. */
function toIdentifier(name: string): string {
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

export const meshAxes: Rule = ({ spec, sound }) => {
  if (!sound("mesh", "axes")) return [];
  const { axes } = spec.mesh;
  if (axes.length === 0) {
    return [
      error({
        code: "MOE107",
        path: ["mesh", "axes"],
        message: "axes is empty",
        nearest: ['["data", "tensor"]'],
      }),
    ];
  }
  return axes.flatMap((axis, index): readonly Finding[] => {
    const path = ["mesh", "axes", index];
    if (!isIdentifier(axis)) {
      const message = `mesh axis ${show(axis)} is not an identifier`;
      return [error({ code: "MOE107", path, message, nearest: [toIdentifier(axis)] })];
    }
    if (axes.indexOf(axis) === index) return [];
    return [error({ code: "MOE107", path, message: `mesh axis ${show(axis)} is repeated` })];
  });
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
