/** Where token rows and results lie, against the layer, the tiles and the other buckets. */
import { mostPassTokens, SHORT_PASS, unservedShort } from "../../kernel/api/pass-tiles.ts";
import { GROUP } from "../../kernel/loops.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { BUCKET_ROWS, type BucketRows } from "../../spec/schedule.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Finding } from "../diagnostic.ts";
import { nearestOf } from "../numbers.ts";
import { bucketPath } from "./buckets.ts";
import { error, type Rule } from "./rule.ts";

/** What a layer has that passes in turn alone serve; undefined: nothing. */
function unservedInPasses({ deterministic }: LayerSpec): string | undefined {
  return deterministic === true ? "deterministic" : undefined;
}

/** What a layer has that is served with rows in VMEM alone; undefined: nothing. */
function unservedInHbm(layer: LayerSpec): string | undefined {
  if (layer.identityExperts !== undefined) return "identity experts";
  return unservedInPasses(layer);
}

/** The same where sums are made of results as they leave. */
function unservedWithResults(layer: LayerSpec): string | undefined {
  return layer.sharedExperts === undefined ? unservedInHbm(layer) : "shared experts";
}

const UNSERVED = {
  "two passes": unservedInPasses,
  hbm: unservedInHbm,
  "hbm with sums": unservedInHbm,
  "hbm with results": unservedWithResults,
} as const;

/** Those with rows in HBM first. */
const RESIDENCES = ["hbm", "hbm with sums", "hbm with results", "two passes"] as const;

type Place = Exclude<BucketRows, "vmem">;

/** What keeps rows from lying there, by the mesh, the layer or the schedule; undefined: nothing. */
function unservedOf({ layer, mesh }: MoeSpec, by: Schedule, rows: Place): string | undefined {
  if (rows === "hbm with results" && mesh.ep === 1) return "one device";
  return UNSERVED[rows](layer) ?? by.refusesRows?.(rows, layer);
}

/**
 * Where rows of all buckets may lie, by what the layer, the mesh and the buckets have: in VMEM first, and
 * there where a bucket asks for what no place has.
 *
 * @param but a bucket that is not asked
 */
export function rowsServed(spec: MoeSpec, by: Schedule, but?: string): readonly BucketRows[] {
  const { mesh, schedule } = spec;
  const ofLayer = BUCKET_ROWS.filter(
    // One device has no two passes at a time.
    (rows) =>
      rows === "vmem" ||
      (unservedOf(spec, by, rows) === undefined && (mesh.ep > 1 || rows !== "two passes")),
  );
  const asked = Object.entries(schedule.tiles).flatMap(([name, bucket]) =>
    name === but ? [] : (bucket?.passTokens ?? []),
  );
  const served = ofLayer.filter((rows) => {
    const counts = passCounts(spec, rows);
    return asked.every((count) => counts.includes(count));
  });
  return served.length > 0 ? served : ["vmem"];
}

/** Counts of token rows that a pass can have, ascending. */
function passCounts({ layer, mesh: { ep } }: MoeSpec, rows: BucketRows): readonly number[] {
  const counts = unservedShort(layer, ep, rows) === undefined ? [SHORT_PASS] : [];
  for (
    let count = GROUP;
    count <= mostPassTokens(ep, { rows });
    count += count < LANES ? GROUP : LANES
  ) {
    counts.push(count);
  }
  return counts;
}

/** MOE145: token rows of a pass fill tiles, and the fewest serve rows in VMEM alone. */
export const passesTaken: Rule = ({ spec, sound, schedule }) => {
  if (!sound("layer") || !sound("schedule", "tiles") || !sound("mesh", "ep")) return [];
  const { layer, mesh } = spec;
  return Object.entries(spec.schedule.tiles).flatMap(([name, { passTokens, rows = "vmem" }]) => {
    if (passTokens === undefined) return [];
    // What is left to the plan follows from what its buckets ask for.
    const chosen = schedule === undefined ? (["vmem"] as const) : rowsServed(spec, schedule, name);
    const places = rows === "auto" ? chosen : [rows];
    const all = new Set(places.flatMap((place) => passCounts(spec, place)));
    if (all.has(passTokens)) return [];
    const counts = [...all].toSorted((a, b) => a - b);
    const [place = "vmem"] = places;
    const missing = passTokens === SHORT_PASS ? unservedShort(layer, mesh.ep, place) : undefined;
    return [
      error({
        code: "MOE145",
        path: bucketPath(name, "passTokens"),
        message: `passTokens = ${passTokens} with ${missing ?? `ep = ${mesh.ep}`}`,
        nearest: nearestOf(counts, passTokens),
      }),
    ];
  });
};

/** MOE144: what rows of two passes do not serve yet, and buckets that disagree: one kernel serves all. */
export const rowsTaken: Rule = ({ spec, sound, schedule }) => {
  if (schedule === undefined || !sound("layer") || !sound("schedule", "tiles")) return [];
  const buckets = Object.entries(spec.schedule.tiles);
  return buckets.flatMap(([name, bucket]) => {
    const { rows = "vmem" } = bucket;
    if (rows === "vmem") return [];
    const unserved = (one: Place) => unservedOf(spec, schedule, one);
    const missing = rows === "auto" ? undefined : unserved(rows);
    const refused = (message: string, nearest: readonly string[]): readonly Finding[] => [
      error({ code: "MOE144", path: bucketPath(name, "rows"), message, nearest }),
    ];
    if (missing !== undefined) {
      const served = RESIDENCES.filter((one) => unserved(one) === undefined);
      return refused(`rows = "${rows}" with ${missing}`, [...served, "vmem"]);
    }
    const others = buckets.filter(([each]) => each !== name);
    const differ = others.flatMap(([each, one]) => (one.rows === rows ? [] : [each])).join(", ");
    if (differ === "") return [];
    // Other buckets' fields are no value of this one: text to read.
    const all = `rows: "${rows}" in ${differ}`;
    const theirs = new Set(others.map(([, one]) => one.rows ?? "vmem"));
    return refused(`rows = "${rows}", but not in ${differ}`, [
      ...(theirs.size === 1 ? theirs : []),
      all,
    ]);
  });
};
