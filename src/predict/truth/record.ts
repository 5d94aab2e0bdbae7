/** A published measurement as a job for the predictor, or why it cannot be one. */

import { defined } from "../../spec/defined.ts";
import type { DeviceFacts } from "../../target/device/facts.ts";
import { devices } from "../../target/device/registry.ts";
import { ownTiles } from "../pieces/shipped.ts";
import type { Published } from "../published/published.ts";
import { published } from "../published/registry.ts";
import type { Skew } from "../routing/skew.ts";
import { parseWeightType, type WeightType } from "../weights.ts";

/** One line of a ground-truth file; whatever else it has is not read. */
export type TruthRecord = Readonly<Record<string, unknown>>;

export interface Measurement {
  readonly set: string;
  /** The same layer, device, tokens and routing: what different arms are compared on. */
  readonly problem: string;
  /** Kernel and effective tiles. */
  readonly arm: string;
  readonly kernel: Published;
  readonly device: DeviceFacts;
  readonly ep: number;
  readonly tokens: number;
  readonly layer: {
    readonly experts: number;
    readonly topK: number;
    readonly hidden: number;
    readonly intermediate: number;
    readonly weights: WeightType;
    readonly scaleGroup?: number;
    readonly shared?: number;
  };
  readonly tiles: Readonly<Record<string, number | string>>;
  readonly skew: Skew;
  /** Seconds, as printed. */
  readonly measured: number;
  /** What was assumed because the record does not say it. */
  readonly assumed: readonly string[];
}

export type Read =
  | { readonly ok: true; readonly measurement: Measurement }
  | { readonly ok: false; readonly set: string; readonly why: string };

const text = (record: TruthRecord, key: string): string => {
  const value = record[key];
  return typeof value === "string" ? value : "";
};
const number = (record: TruthRecord, key: string): number | undefined => {
  const value = record[key];
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
};

/** Figures of a part of a call, or of a kernel with parts switched off. */
const PARTIAL = /\bonly\b|all disabled|isolated|stage breakdown|^stage\d|whole benchmark call/i;

/** Routing of serving traffic that a record refers to. */
const RECORDED = /recorded|replay|serving|captur/i;

/** A record as a measurement, or why it is none. */
export function readRecord(record: TruthRecord): Read {
  const set = text(record, "set") || "(no set)";
  const skip = (why: string): Read => ({ ok: false, set, why });
  const micros = number(record, "us");
  if (micros === undefined) return skip("not a time");
  const what = text(record, "what");
  if (PARTIAL.test(what)) return skip("a part of a call, or a kernel with parts switched off");
  if (/degraded|do not use/i.test(what)) return skip("its authors say not to use it");
  if (record.published_in_table === false) return skip("not in its source's published table");
  const name = text(record, "kernel");
  if (name === "") return skip("no kernel");
  const kernel = published.find(({ records }) => records.test(name));
  if (kernel === undefined) return skip(`no schedule for kernel ${name}`);
  const device = deviceOf(text(record, "device"));
  if (device === undefined) return skip(`no device ${text(record, "device") || "named"}`);
  const [experts, topK, hidden, intermediate, ep, tokens] = [
    number(record, "E"),
    number(record, "k"),
    number(record, "D"),
    number(record, "F"),
    number(record, "ep"),
    number(record, "tokens"),
  ];
  if (experts === undefined || topK === undefined) return skip("E or k is not stated");
  if (hidden === undefined || intermediate === undefined) return skip("D or F is not stated");
  if (ep === undefined) return skip("ep is not stated");
  if (tokens === undefined) return skip("tokens are not stated");
  if (experts % ep !== 0) return skip(`ep = ${ep} does not divide E = ${experts}`);
  const skew = skewOf(text(record, "routing"));
  if (skew === undefined) return skip(`routing not understood: ${text(record, "routing")}`);
  const weights = parseWeightType(text(record, "w_dtype"));
  const version = versionOf(name, what);
  const config = configOf(record.effective_config) ?? configOf(record.config) ?? namedIn(what);
  const group = number(record, "subc_quant_wsz") ?? groupOf(`${what} ${text(record, "w_dtype")}`);
  const layer = {
    experts,
    topK,
    hidden,
    intermediate,
    weights: weights ?? "bfloat16",
    ...defined({ scaleGroup: group }),
    ...(record.shared === true ? { shared: intermediate } : {}),
  } as const;
  const own =
    config !== undefined || !kernel.reads.includes("bf")
      ? undefined
      : tilesOf(kernel, { layer, device, ep, tokens }, what);
  const assumed = [
    ...(weights === undefined ? ["bfloat16 weights"] : []),
    ...assumedOf(record),
    ...(own === undefined ? [] : [`tiles: ${own.from}`]),
    ...(record.shared === true ? ["a shared expert of size F"] : []),
  ];
  const tiles = { ...(config ?? own?.tiles), ...version };
  return {
    ok: true,
    measurement: {
      set,
      problem: JSON.stringify([
        device.name,
        experts,
        topK,
        hidden,
        intermediate,
        ep,
        tokens,
        text(record, "w_dtype"),
        text(record, "routing"),
        record.shared === true,
        text(record, "ep_note"),
      ]),
      arm: `${kernel.name} ${JSON.stringify(tiles)}${config === undefined ? ` ${what}` : ""}`,
      kernel,
      device,
      ep,
      tokens,
      layer,
      tiles,
      skew,
      measured: micros * 1e-6,
      assumed,
    },
  };
}

/** What is taken of the routing where a record does not say it. */
function assumedOf(record: TruthRecord): readonly string[] {
  const routing = text(record, "routing");
  return [
    ...(routing === "" ? ["uniform routing"] : []),
    ...(RECORDED.test(routing) ? ["uniform for recorded routing"] : []),
  ];
}

/** A device by any of the names in use. */
export function deviceOf(name: string): DeviceFacts | undefined {
  const word = name.toLowerCase().replace(/\s+/g, " ");
  const key = (
    [
      [/v5 ?e|v5 ?lite/, "v5e"],
      [/v5 ?p|\btpu v5\b/, "v5p"],
      [/v6 ?e|v6 ?lite|trillium/, "v6e"],
      [/tpu ?7x|v7|ironwood/, "v7x"],
    ] as const
  ).find(([pattern]) => pattern.test(word))?.[1];
  return key === undefined
    ? Object.values(devices).find((d) => word.includes(d.name))
    : devices[key];
}

/** Routing as records write it. */
export function skewOf(routing: string): Skew | undefined {
  const word = routing.toLowerCase();
  if (word === "" || /random|uniform/.test(word)) return { kind: "uniform" };
  if (/^balanced/.test(word)) return { kind: "balanced" };
  const zipf = /zipf\D*([\d.]+)/.exec(word);
  if (zipf !== null) return { kind: "zipf", s: Number(zipf[1]) };
  const sparse = /hotspot.*ratio\s*=\s*([\d.]+).*count\s*=\s*(\d+)/.exec(word);
  if (sparse !== null) {
    return { kind: "hotspot", ratio: Math.min(1, Number(sparse[1])), count: Number(sparse[2]) };
  }
  const share = /(\d+) of \d+ experts get (\d+)\/(\d+)/.exec(word);
  if (share !== null) {
    return { kind: "hotspot", count: Number(share[1]), ratio: Number(share[2]) / Number(share[3]) };
  }
  // The recording itself is not in the record; `readRecord` says what is assumed.
  if (RECORDED.test(word)) return { kind: "uniform" };
  return undefined;
}

function configOf(value: unknown): Record<string, number> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found = Object.entries(value).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}

/** Tiles that a record names in words, e.g. "old config (bf=512)". */
function namedIn(what: string): Record<string, number> | undefined {
  const found = [...what.matchAll(/\b(bt|bts|btc|bf|bd1|bd2)=(\d+)/g)];
  return found.length > 0
    ? Object.fromEntries(found.map(([, name = "", value]) => [name, Number(value)]))
    : undefined;
}

/** What the kernel takes by itself; where a record says tuned and its table has nothing, a choice. */
function tilesOf(
  kernel: Published,
  call: Parameters<typeof ownTiles>[1],
  what: string,
): { readonly tiles: Readonly<Record<string, number>>; readonly from: string } {
  const own = ownTiles(kernel, call);
  const tuned = /tuned|best|config|optimi/i.test(what) && !/default/i.test(what);
  return own.from === "its default" && tuned ? { tiles: {}, from: "chosen here" } : own;
}

function groupOf(what: string): number | undefined {
  const found = /subc\w*?[ _-]?(\d+)/i.exec(what);
  return found === null ? undefined : Number(found[1]);
}

/** Which version of sgl-jax v1 was measured, as far as its schedule differs; see there. */
function versionOf(kernel: string, what: string): Readonly<Record<string, string>> {
  if (!/^sgl_fused_moe_v1/i.test(kernel) || /after batch scatter/i.test(what)) return {};
  const scan = { dispatch: "scan for each expert" };
  if (/feature branch/i.test(kernel)) {
    return /baseline/i.test(what) ? { ...scan, barriers: "every expert" } : { dispatch: "sorted" };
  }
  const [, year, month, day] = /(20\d\d)-(\d\d)(?:-(\d\d))?/.exec(kernel) ?? [];
  const date = Number(year ?? 2026) * 10_000 + Number(month ?? 1) * 100 + Number(day ?? 1);
  if (date >= BATCH_DISPATCH) return {};
  return date >= RING_BARRIERS ? scan : { ...scan, barriers: "every expert" };
}

/** Dates of changes to sgl-jax v1 as numbers: rows of all experts in one pass, fewer barriers. */
const BATCH_DISPATCH = 20260501;
const RING_BARRIERS = 20260410;
