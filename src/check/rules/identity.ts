/** Names: of the package and the devices. */

import { show } from "../../spec/show.ts";
import type { Finding } from "../diagnostic.ts";
import { ownerOf, PYTHON_KEYWORDS } from "./python-names.ts";
import { error, type Rule } from "./rule.ts";

/** Folders and files are named after a spec; some disks stop at 143 bytes, and more is added to it. */
const LONGEST_NAME = 100;

/** Whether Python takes it as a name: ASCII letters, digits and `_`, and no keyword. */
export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !PYTHON_KEYWORDS.has(name);
}

/** The nearest identifier: what a reader would have written; undefined where nothing is left of it. */
export function toIdentifier(name: string): string | undefined {
  const cleaned = name.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "");
  if (cleaned === "") return undefined;
  if (PYTHON_KEYWORDS.has(cleaned)) return `${cleaned}_`;
  return /^[0-9]/.test(cleaned) ? `_${cleaned}` : cleaned;
}

/** The nearest name of a package, in a list; none where nothing is left of the name. */
function toName(name: string): readonly string[] {
  const short = toIdentifier(name)?.slice(0, LONGEST_NAME).replace(/_+$/, "");
  if (short === undefined) return [];
  return [isIdentifier(short) && ownerOf(short) === undefined ? short : `${short}_moe`];
}

/** MOE101: the spec's name is that of a Python package. */
export const nameIsIdentifier: Rule = ({ spec, sound }) => {
  if (!sound("name") || isIdentifier(spec.name)) return [];
  const keyword = PYTHON_KEYWORDS.has(spec.name);
  return [
    error({
      code: "MOE101",
      path: ["name"],
      message: keyword
        ? `name ${show(spec.name)} is a Python keyword`
        : `name ${show(spec.name)} is not a Python identifier`,
      nearest: toName(spec.name),
    }),
  ];
};

/** MOE140, MOE141: a name that is an identifier belongs to nobody else and fits a file's name. */
export const nameIsFree: Rule = ({ spec: { name }, sound }) => {
  if (!sound("name") || !isIdentifier(name)) return [];
  const owner = ownerOf(name);
  if (owner !== undefined) return [taken(name, owner)];
  if (name.length <= LONGEST_NAME) return [];
  const message = `name has ${name.length} letters, ${LONGEST_NAME} are the most`;
  return [error({ code: "MOE141", path: ["name"], message, nearest: toName(name) })];
};

/** A package of the name of one of its modules; `modules`: those that the plan makes. */
export function nameIsNoModule(name: string, modules: readonly string[]): readonly Finding[] {
  return modules.includes(name) ? [taken(name, "a module of the package itself")] : [];
}

function taken(name: string, owner: string): Finding {
  const message = `name ${show(name)} is ${owner}`;
  return error({ code: "MOE140", path: ["name"], message, nearest: [`${name}_moe`] });
}

/** MOE108: some device, none of them twice. */
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
