/** Specs of several kinds of layers, and cases of their diagnostics. */
import { BUCKET, LAYER } from "./marked.ts";
import type { Case } from "./row-cases.ts";

const SCHEDULE = `{ kind: "gather", tiles: { decode: ${BUCKET} } }`;

/** The same with an option of XLA in its bucket. */
export function optioned(value: string): string {
  const options = `compilerOptions: { xla_tpu_x: { value: ${value}, because: "w" } }`;
  return SCHEDULE.replace(" } }", `, ${options} } }`);
}

/** A spec with these kinds of layers; `schedule` is the one that they share. */
export function layersText(kinds: string, schedule = SCHEDULE, name = "small"): string {
  return `import { moe } from "moegen";
import config from "./config.json" with { type: "json" };

const layer = ${LAYER} as const;

export default moe({
  name: "${name}",
  layers: ${kinds},
  mesh: { ep: 4 },
  devices: ["v6e"],
  schedule: ${schedule},
});
`;
}

/** A model of four layers, the first without experts, with two widths. */
export const WIDTHS = {
  architectures: ["Qwen2MoeForCausalLM"],
  num_experts: 64,
  num_experts_per_tok: 8,
  hidden_size: 2048,
  moe_intermediate_size: [0, 768, 768, 256],
  num_hidden_layers: 4,
  mlp_only_layers: [0],
  decoder_sparse_step: 1,
  hidden_act: "silu",
  norm_topk_prob: true,
};

const read = (at: string, index: number): string =>
  `{ at: ${at}, layer: moe.fromHuggingFace(config, { at: ${index}, sharedExperts: "outside" }) }`;

export const layerCases = {
  MOE170: {
    spec: layersText("{ a: { at: [0, 1, 2], layer }, b: { at: ⟦{ from: 1, to: 3 }⟧, layer } }"),
    config: {},
    says: "layers 1 to 2 of b are of a already",
  },
  MOE171: {
    spec: layersText(`⟦{ wide: ${read("[1, 2]", 1)} }⟧`),
    config: WIDTHS,
    says: "layer 3 of the config has experts and no kind",
  },
  MOE172: {
    spec: layersText("{ a: { at: ⟦[]⟧, layer } }"),
    config: {},
    says: "a has no layer",
  },
  MOE173: {
    spec: layersText(`{ wide: ${read("⟦[1, 2, 3]⟧", 1)} }`),
    config: WIDTHS,
    says: "layer 3 is read otherwise from the config than wide",
    nearest: ["at: [1, 2]"],
  },
  MOE174: {
    spec: layersText(
      "{ a: { at: [0], layer } }",
      '{ kind: ⟦"auto"⟧, tiles: { decode: { upTo: 256 } } }',
    ),
    config: {},
    says: 'kind = "auto" in a spec with layers',
  },
  MOE175: {
    spec: layersText(
      "{ a: { at: [0, 1], layer }, b: { at: [2], layer: { ...layer, hidden: ⟦1024⟧ } } }",
      '{ kind: "gather", tiles: { decode: { upTo: 256, bt: 64, bf: 256, bd: 1024 } } }',
    ),
    config: {},
    says: "hidden = 1024 in b, 2048 in a: a model's layers have D alike",
    nearest: [2048],
  },
  MOE191: {
    spec: layersText(
      `{ a: { at: [0], layer }, b: { at: [1], layer, schedule: ${optioned("⟦true⟧")} } }`,
      optioned("false"),
    ),
    config: {},
    says: "xla_tpu_x = true in b, false in a, with 256 tokens",
    nearest: ["false"],
  },
} satisfies Partial<Readonly<Record<string, Case>>>;
