/** Cases of diagnostics of what a bucket may name beside its tiles. */
import { specText } from "./marked.ts";
import type { Case } from "./row-cases.ts";

const tiles = (bucket: string): string => specText({ tiles: `{ decode: ${bucket} }` });

export const bucketCases = {
  MOE111: {
    spec: tiles("{ upTo: 256, bt: 64, btc: [16, ⟦32⟧], bf: 768, bd: 2048 }"),
    says: "btc ends with 32, bt is 64",
    nearest: [64],
  },
  MOE113: {
    spec: tiles("{ upTo: 256, bt: 64, bf: 768, bd: 2048, slots: ⟦1⟧ }"),
    says: "slots = 1 is not supported: a whole number of at least 2",
    nearest: [2, 3, 4],
  },
  MOE190: {
    spec: tiles(
      '{ upTo: 256, bt: 64, bf: 768, bd: 2048, compilerOptions: { ⟦xla_dump_to⟧: { value: true, because: "so" } } }',
    ),
    says: '"xla_dump_to" is no option of XLA\'s TPU compiler',
  },
} as const satisfies Readonly<Record<string, Case>>;
