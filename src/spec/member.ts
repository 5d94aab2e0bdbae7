/** What takes part in a package of several schedules: a schedule, with its rows in one place. */
import { BUCKET_ROWS, type BucketOption, type BucketRows } from "./schedule.ts";

/** What a member's name says of rows that lie elsewhere than in VMEM. */
export const PLACE_WORDS = {
  "two passes": "overlapped",
  hbm: "hbm",
  "hbm with sums": "hbm_sums",
  "hbm with results": "hbm_results",
} as const satisfies Readonly<Record<Exclude<BucketRows, "vmem">, string>>;

export type PlaceWord = (typeof PLACE_WORDS)[keyof typeof PLACE_WORDS];

export interface MemberParts {
  /** Of the schedule. */
  readonly kind: string;
  readonly rows: BucketRows;
}

/** `gather`, `gather_hbm_sums`: of its folder in the package, its tiles and its times as well. */
export function memberName({ kind, rows }: MemberParts): string {
  return rows === "vmem" ? kind : `${kind}_${PLACE_WORDS[rows]}`;
}

/** What a member's name says. */
export function memberParts(name: string): MemberParts {
  for (const rows of BUCKET_ROWS) {
    if (rows === "vmem") continue;
    const end = `_${PLACE_WORDS[rows]}`;
    if (name.endsWith(end)) return { kind: name.slice(0, -end.length), rows };
  }
  return { kind: name, rows: "vmem" };
}

/** All that there are of some schedules: each, and each that has `rows` with rows in every other place. */
export function memberNames(
  schedules: Readonly<Record<string, { readonly options: readonly BucketOption[] }>>,
): readonly string[] {
  return Object.entries(schedules).flatMap(([kind, { options }]) =>
    (options.includes("rows") ? BUCKET_ROWS : (["vmem"] as const)).map((rows) =>
      memberName({ kind, rows }),
    ),
  );
}
