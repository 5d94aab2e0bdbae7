/** Where a starter's kernel runs, unless the user says: on the first devices that take the layer. */
import type { Finding } from "../../check/diagnostic.ts";
import { registries } from "../../check/index.ts";
import { judge, judgeRules } from "../../check/judge.ts";
import { moe } from "../../index.ts";
import { usualSchedule } from "../../schedule/registry.ts";
import { defined } from "../../spec/defined.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { type DeviceName, deviceNames } from "../../target/device/registry.ts";

export interface Placement {
  readonly ep: number;
  readonly device: readonly DeviceName[];
  /** Why these, where they are not the usual ones. */
  readonly why?: string;
}

const USUAL = { device: "v6e", ep: 4 } as const satisfies { device: DeviceName; ep: number };
const OTHER_EP = [8, 2, 16, 1, 32, 64, 128, 3, 5, 6, 7] as const;

type Asked = { readonly [K in "ep" | "device"]?: Placement[K] | undefined };

/** The usual devices, or the first others that the checker accepts; the usual where it accepts none. */
export function placementOf(name: string, layer: LayerSpec, asked: Asked): Placement {
  const lists: readonly (readonly DeviceName[])[] =
    asked.device === undefined
      ? [USUAL.device, ...deviceNames.filter((one) => one !== USUAL.device)].map((one) => [one])
      : [asked.device];
  const eps = asked.ep === undefined ? [USUAL.ep, ...OTHER_EP] : [asked.ep];
  let first: string | undefined;
  for (const ep of eps) {
    for (const device of lists) {
      const problem = problemOf(name, layer, ep, device);
      if (problem === undefined) {
        return { ep, device, ...defined({ why: first }) };
      }
      first ??= problem;
    }
  }
  return { ep: eps[0] ?? USUAL.ep, device: lists[0] ?? [USUAL.device] };
}

/** The first error of a starter on these devices. */
function problemOf(
  name: string,
  layer: LayerSpec,
  ep: number,
  [first, ...others]: readonly DeviceName[],
): string | undefined {
  if (first === undefined) return "no device";
  const auto = { kind: "auto" } as const;
  const tiles = { bt: auto, bf: auto, bd: auto };
  const spec = moe({
    name,
    layer,
    mesh: { ep },
    devices: [first, ...others],
    schedule: {
      kind: usualSchedule.kind,
      tiles: { decode: { upTo: 256, ...tiles }, prefill: { upTo: 2048, ...tiles } },
    },
  });
  const firstOf = (findings: readonly Finding[]): string | undefined =>
    findings.find(({ severity }) => severity === "error")?.message;
  // Tiles of devices that do not take the layer need not be found.
  return (
    firstOf(judgeRules(spec, registries).findings) ?? firstOf(judge(spec, registries).findings)
  );
}
