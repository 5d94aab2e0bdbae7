/** Cases of the diagnostics of quantised rows, and of the rows of a pass. */
import type { Registries } from "../../src/lower/lower.ts";
import { layerCases } from "./layer-cases.ts";
import { LAYER, specText } from "./marked.ts";

export interface Case {
  /** Schedules there are; absent: the one fake. */
  readonly using?: Registries;
  readonly spec: string;
  readonly says: string;
  readonly nearest?: readonly (number | string)[];
  readonly config?: unknown;
}

const layer = (text: string): string =>
  specText({ layer: LAYER.replace("hidden: 2048", `${text}, hidden: 2048`) });

export const rowCases = {
  ...layerCases,
  MOE130: {
    spec: layer(
      'quantization: { weights: "int8", granularity: "per_channel", activations: ⟦"float8_e4m3fn"⟧ }',
    ),
    says: 'activations = "float8_e4m3fn" with weights = "int8"',
    nearest: ["int8"],
  },
  MOE131: {
    spec: layer(
      'wire: { dispatch: ⟦"float8_e4m3fn"⟧ }, quantization: { weights: "int8", granularity: "per_channel", activations: "int8" }',
    ),
    says: 'dispatch = "float8_e4m3fn" with activations = "int8"',
    nearest: ["int8"],
  },
  MOE132: {
    spec: specText({
      layer: LAYER.replace("hidden: 2048", 'wire: ⟦{ dispatch: "int8" }⟧, hidden: 2048'),
      mesh: "{ ep: 1 }",
    }),
    says: "wire with ep = 1",
  },
  MOE133: {
    spec: layer('wire: { combine: "int8" }, dtype: ⟦"float32"⟧'),
    says: 'dtype = "float32" with rows of 8 bits between devices',
    nearest: ["bfloat16"],
  },
  MOE135: {
    spec: layer(
      'quantization: { weights: "int8", granularity: { kind: "sub_channel", block: 96 }, activations: ⟦"int8"⟧ }',
    ),
    says: "activations with scales of 96 along the contraction",
    nearest: ['granularity: { kind: "sub_channel", block: 128 }'],
  },
  MOE146: {
    spec: specText({
      layer: LAYER.replace(/routing: \{[^}]*\}/, 'routing: { where: "given" }'),
      mesh: "{ ep: 6, padExperts: ⟦true⟧ }",
    }),
    says: "padExperts with experts that are given",
  },
  MOE147: {
    spec: specText({ mesh: "{ ep: 4, padExperts: ⟦true⟧ }" }),
    says: "padExperts changes nothing: ep = 4 divides experts = 128",
  },
  MOE145: {
    spec: specText({
      tiles: "{ decode: { upTo: 256, bt: 64, bf: 768, bd: 2048, passTokens: ⟦24⟧ } }",
    }),
    says: "passTokens = 24 with ep = 4",
    nearest: [16, 32],
  },
  MOE164: {
    spec: specText({
      layer: LAYER.replace(
        "topK: 8,",
        "topK: 8,\n    identityExperts: 4,\n    deterministic: ⟦true⟧,",
      ),
    }),
    says: "a token's own device alone adds its row, in that device's place of the order",
  },
} as const satisfies Readonly<Record<string, Case>>;
