/** Cases of diagnostics of experts whose columns are cut over devices. */
import { registries } from "../../src/check/index.ts";
import { LAYER, specText } from "./marked.ts";
import type { Case } from "./row-cases.ts";

/** A spec of grouped matmuls, whose experts may be cut. */
const grouped = (mesh: string): string =>
  specText({ mesh, tiles: "{ decode: { upTo: 256, bt: 64, bf: auto } }" }).replace("gather", "gmm");

export const columnCases = {
  MOE180: {
    spec: specText({ mesh: "{ ep: 1, tp: ⟦4⟧ }" }),
    says: "tp = 4 with the schedule gather: its devices have experts whole",
    nearest: [1],
  },
  MOE181: {
    using: registries,
    spec: grouped("{ ep: 1, tp: ⟦8⟧ }"),
    says: "tp = 8 cuts intermediate = 768 into 96 columns: intermediate = 96 is less than 128 lanes",
    nearest: [4, 6],
  },
  MOE182: {
    spec: specText({ layer: LAYER, mesh: '{ ep: 1, tpAxes: ⟦["tensor"]⟧ }' }),
    says: "tpAxes without tp",
  },
} as const satisfies Readonly<Record<string, Case>>;
