/** The tile tables that kernels ship, and what they take for a shape that is in none. */
import type { Job } from "../job.ts";
import type { Published } from "../published/published.ts";
import shipped from "./shipped-tiles.json" with { type: "json" };

const NAMES = ["bt", "bts", "btc", "bf", "bd1", "bd2"] as const;
type Tables = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>>
>;
const tables: Tables = shipped.tables;

/** Baseline that the kernels fall back to without a word. */
const FALLBACK = { bt: 32, bts: 32, btc: 32, bf: 512, bd1: 1024, bd2: 1024 } as const;

interface ShippedTiles {
  readonly tiles: Readonly<Record<string, number>>;
  readonly from: "its table" | "its default";
}

/** What a kernel takes by itself at this shape; a choice where its default cannot cut the shape. */
export function ownTiles(
  kernel: Pick<Published, "name" | "reads">,
  call: Omit<Job, "routing" | "tiles">,
): { readonly tiles: Readonly<Record<string, number>>; readonly from: string } {
  if (!kernel.reads.includes("bf")) return { tiles: {}, from: "no tiles to choose" };
  const own = shippedTiles(kernel.name, call);
  const { hidden, intermediate } = call.layer;
  const { bf = intermediate, bd1 = hidden, bd2 = hidden } = own.tiles;
  const cuts = [intermediate % bf, hidden % bd1, hidden % bd2].every((rest) => rest === 0);
  return cuts ? own : { tiles: {}, from: "chosen here: its default does not divide" };
}

/** Tiles of a kernel's table at this shape, or its default. */
function shippedTiles(kernel: string, job: Omit<Job, "routing" | "tiles">): ShippedTiles {
  const { layer, device, ep, tokens } = job;
  const shape = [layer.experts, layer.topK, layer.hidden, layer.intermediate, ep].join(" ");
  const shared = layer.shared === undefined ? "plain" : "shared";
  for (const place of [device.name, "any"]) {
    for (const type of [layer.weights, "any"]) {
      const found = tables[kernel]?.[`${place} ${type} ${shape} ${shared}`]?.[tokens];
      if (found === undefined) continue;
      const named = NAMES.map((name, at) => [name, found[at] ?? 0] as const);
      return {
        tiles: Object.fromEntries(named.filter(([, value]) => value > 0)),
        from: "its table",
      };
    }
  }
  return { tiles: { ...FALLBACK }, from: "its default" };
}
