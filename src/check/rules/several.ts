/** What is said of several schedules in one spec. */
import type { Registries } from "../../lower/lower.ts";
import { memberParts } from "../../spec/member.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { memberTiles, type SeveralSpec } from "../../spec/several.ts";
import type { MoeSpec } from "../../spec/spec.ts";
import type { Finding } from "../diagnostic.ts";
import { bucketPath } from "./buckets.ts";
import { error, warning } from "./rule.ts";

/** Of the one thing that a command can mend. */
export const UNDECIDED = "MOE152";

/** MOE137: other schedules add in other orders, so a token's bits would follow from the bucket. */
export function orderDiffers({ schedules }: Registries): Finding {
  return error({
    code: "MOE137",
    path: ["schedule", "kind"],
    message: 'kind = "auto" with deterministic: schedules add in different orders',
    note: `kind is one that has such a kernel: ${Object.values(schedules)
      .filter(({ deterministic }) => deterministic === true)
      .map(({ kind }) => kind)
      .join(", ")}`,
  });
}

/** A member as a schedule of its own is asked for. */
function asSpecified(member: string): string {
  const { kind, rows } = memberParts(member);
  return rows === "vmem" ? `kind: "${kind}"` : `kind: "${kind}" with rows: "${rows}"`;
}

/** MOE150: none of them can run the layer. */
export function nobody(tried: readonly string[]): Finding {
  return error({
    code: "MOE150",
    path: ["schedule", "kind"],
    message: `no schedule can run this layer: tried ${tried.join(", ")}`,
    note: `a spec of one alone says what is in its way: ${tried.map(asSpecified).join(", ")}`,
  });
}

/** MOE151: the shared experts' columns lie on devices as the schedule wants them. */
export function otherWeights(
  { layer, mesh }: MoeSpec,
  kinds: readonly string[],
  { schedules }: Registries,
): Finding | undefined {
  const columns = kinds.map((kind) => ({
    kind,
    count: schedules[memberParts(kind).kind]?.sharedColumns(layer, devicesOf(mesh)) ?? 0,
  }));
  const [first] = columns;
  const other = columns.find(({ count }) => count !== first?.count);
  if (first === undefined || other === undefined) return undefined;
  return error({
    code: "MOE151",
    path: ["schedule", "kind"],
    message: `${first.kind} keeps ${first.count} columns of the shared experts on a device, ${other.kind} ${other.count}`,
    nearest: columns.map(({ kind }) => kind),
  });
}

const HOW =
  "moegen predict SPEC --write predicts every schedule in every bucket and writes the times";

/** MOE152: several can, and nothing is predicted. */
export function notDecided(
  name: string,
  devices: readonly string[],
  kinds: readonly string[],
): Finding {
  return error({
    code: UNDECIDED,
    path: bucketPath(name),
    message: `which of ${kinds.join(", ")} is faster in ${name} is not predicted on ${devices.join(", ")}`,
    nearest: kinds.map((kind) => `use: "${kind}"`),
    note: HOW,
  });
}

/** MOE153, a warning: a schedule that can run a bucket was not there when the others were predicted. */
export function untimed(
  name: string,
  device: string,
  kinds: readonly string[],
  timed: readonly string[],
): readonly Finding[] {
  const missing = kinds.filter((kind) => !timed.includes(kind));
  if (missing.length === 0) return [];
  return [
    warning({
      code: "MOE153",
      path: bucketPath(name, "predicted"),
      message: `${missing.join(", ")} takes no part in ${name} on ${device}: its time is not predicted`,
      detail: device,
      note: HOW,
    }),
  ];
}

type Buckets = SeveralSpec["tiles"];

const takesNoPart = (among: readonly string[]): string =>
  `which takes no part: among has ${among.join(", ")}`;

/** MOE154: a bucket names a schedule that `among` leaves out, on whatever device. */
function usesLeftOut(among: readonly string[], tiles: Buckets): readonly Finding[] {
  return Object.entries(tiles).flatMap(([name, { use }]) => {
    if (use === undefined || among.includes(use)) return [];
    const message = `use = "${use}", ${takesNoPart(among)}`;
    return [error({ code: "MOE154", path: bucketPath(name, "use"), message, nearest: among })];
  });
}

/** MOE153, a warning: times of schedules that `among` leaves out. */
function timesLeftOut(
  among: readonly string[],
  tiles: Buckets,
  out: readonly string[],
): readonly Finding[] {
  return Object.entries(tiles).flatMap(([name, { predicted = {} }]) =>
    Object.entries(predicted).flatMap(([device, times]) => {
      const unread = out.filter((member) => member in times);
      if (unread.length === 0) return [];
      const message = `${unread.join(", ")} takes no part in ${name} on ${device}, whatever its time: among has ${among.join(", ")}`;
      const path = bucketPath(name, "predicted", device);
      return [warning({ code: "MOE153", path, message })];
    }),
  );
}

/** MOE155: tiles that nobody reads. */
function tilesLeftOut(
  among: readonly string[],
  tiles: Buckets,
  out: readonly string[],
): readonly Finding[] {
  return Object.entries(tiles).flatMap(([name, bucket]) =>
    out
      .filter((member) => memberTiles(bucket, member) !== undefined)
      .map((member) => {
        const { kind } = memberParts(member);
        const message = `${name} has tiles of ${member}, ${takesNoPart(among)}`;
        // What is a key here takes the tiles that it has.
        const free = (one: string) => memberTiles(bucket, one) === undefined;
        const nearest = among.filter((one) => memberParts(one).kind === kind && free(one));
        const path = bucketPath(name, member);
        return { ...error({ code: "MOE155", path, message, nearest }), at: "key" as const };
      }),
  );
}

/** MOE153, MOE154, MOE155: what is said of schedules that `among` leaves out. */
export function leftOut({ among, tiles }: SeveralSpec, all: readonly string[]): readonly Finding[] {
  if (among === undefined) return [];
  const out = all.filter((member) => !among.includes(member));
  return [
    ...tilesLeftOut(among, tiles, out),
    ...usesLeftOut(among, tiles),
    ...timesLeftOut(among, tiles, out),
  ];
}

/** MOE203: of several schedules none has tiles that fit. */
export function nobodyFits(name: string, device: string, kinds: readonly string[]): Finding {
  return error({
    code: "MOE203",
    path: bucketPath(name),
    message: `no tiles of ${kinds.join(", ")} fit ${name} on ${device}`,
    detail: device,
  });
}
