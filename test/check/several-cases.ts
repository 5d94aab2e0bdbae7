/** Two fake schedules, specs that leave the choice to moegen, and cases of their diagnostics. */
import type { Registries } from "../../src/lower/lower.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { fake, fakes } from "./fake-schedule.ts";
import { BUCKET, LAYER, type Parts, specText } from "./marked.ts";
import type { Case } from "./row-cases.ts";

/** As the fake one, and each `change` of it. */
export function withOther(change: Partial<Schedule> = {}): Registries {
  const other = { ...fake, kind: "other", ...change };
  return { ...fakes, schedules: { gather: fake, other } };
}

/** A spec of several schedules; `buckets` and `more` are written into its schedule. */
export function severalText(buckets: string, more = "", parts: Parts = {}): string {
  const single = `{ kind: "gather", tiles: { decode: ${BUCKET} } }`;
  const kind = more.includes("kind:") ? "" : 'kind: "auto", ';
  return specText(parts).replace(single, `{ ${kind}${more} tiles: { ${buckets} } }`);
}

const SHARED = LAYER.replace(
  "routing:",
  "sharedExperts: { count: 1, intermediate: 512 }, routing:",
);

export const severalCases = {
  MOE150: {
    using: withOther(),
    spec: severalText("decode: { upTo: 256 }", 'kind: ⟦"auto"⟧,', {
      layer: LAYER.replace("2048", "2000"),
    }),
    says: "no schedule can run this layer: tried gather, other",
  },
  MOE151: {
    using: withOther({ sharedColumns: () => 512 }),
    spec: severalText(
      'few: { upTo: 64, use: "gather" }, decode: { upTo: 256, use: "other" }',
      'kind: ⟦"auto"⟧,',
      { layer: SHARED },
    ),
    says: "gather keeps 128 columns of the shared experts on a device, other 512",
  },
  MOE152: {
    using: withOther(),
    spec: severalText("decode: ⟦{ upTo: 256 }⟧"),
    says: "which of gather, other is faster in decode is not predicted on v6e",
    nearest: ['use: "gather"', 'use: "other"'],
  },
  MOE153: {
    using: withOther(),
    spec: severalText("decode: { upTo: 256, predicted: ⟦{ v6e: { gather: 10, epmoe: 20 } }⟧ }"),
    says: "other takes no part in decode on v6e: its time is not predicted",
  },
  MOE154: {
    using: withOther(),
    spec: severalText('decode: { upTo: 256, use: ⟦"other"⟧ }', 'among: ["gather"],'),
    says: 'use = "other", which takes no part: among has gather',
    nearest: ["gather"],
  },
  MOE155: {
    using: withOther(),
    spec: severalText("decode: { upTo: 256, ⟦other⟧: { bt: 64 } }", 'among: ["gather"],'),
    says: "decode has tiles of other, which takes no part: among has gather",
  },
} as const satisfies Readonly<Record<string, Case>>;
