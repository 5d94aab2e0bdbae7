/** The TPU generations a kernel can be made for: one file and one entry each. */
import type { DeviceFacts } from "./facts.ts";
import { v5e } from "./v5e.ts";
import { v5p } from "./v5p.ts";
import { v6e } from "./v6e.ts";
import { v7x } from "./v7x.ts";

const registry = { v5e, v5p, v6e, v7x } as const;

export type DeviceName = keyof typeof registry;

export const devices: Readonly<Record<DeviceName, DeviceFacts & { readonly name: DeviceName }>> =
  registry;

/**
 * A kind of device by its short name, e.g. "v6e".
 * @throws RangeError naming the kinds there are, where `name` is none of them.
 */
export function deviceOf(name: string): DeviceFacts {
  const found = Object.values(devices).find((device) => device.name === name);
  if (found === undefined) {
    throw new RangeError(`no device ${name}; known: ${Object.keys(devices).join(", ")}`);
  }
  return found;
}

export const deviceNames = Object.keys(registry) as readonly DeviceName[];
