/** Qwen3-MoE and Qwen2-MoE: two files alike, one of them with scales of a quantised checkpoint. */
import type { Edit, FileEdits, RewriteEdit } from "../../../edit.ts";
import { expertSizes } from "../../../layers.ts";
import type { Varying } from "../../../tree.ts";
import { qwen2, qwen3 } from "../hosts.ts";
import { file, form, generated, likeEpmoe, MODELS, model, sizes, usesFused } from "./parts.ts";

const choice = (layerClass: string) => ({
  in: layerClass,
  attribute: "mlp",
  given: sizes(expertSizes("")),
});

const qwen = (name: string, layerClass: string, further: readonly Edit[] = []): FileEdits =>
  file(name, [usesFused(`${layerClass}.__init__`), generated(choice(layerClass)), ...further]);

const QWEN3_MAPPINGS = "Qwen3MoeForCausalLM._create_moe_layer_mappings";

/** Scales of a quantised checkpoint lie as FusedEPMoE's. */
const scales: RewriteEdit = {
  edit: "rewrite",
  at: {
    in: QWEN3_MAPPINGS,
    expression: 'moe_backend == "fused"',
  },
  code: 'moe_backend in ("fused", "fused_generated")',
};

const QWEN3 = "qwen3_moe.py";
const QWEN3_LAYER = "QWen3MoeDecoderLayer";
const QWEN2 = "qwen2_moe.py";
const QWEN2_LAYER = "Qwen2MoeDecoderLayer";

export const qwens: readonly Varying[] = [
  model(
    qwen3,
    ...likeEpmoe(QWEN3, choice(QWEN3_LAYER), QWEN3_MAPPINGS),
    form("with scales", qwen(QWEN3, QWEN3_LAYER, [scales])),
    {
      name: "without scales",
      probes: [{ path: `${MODELS}/${QWEN3}`, nowhere: [scales.at] }],
      edits: [qwen(QWEN3, QWEN3_LAYER)],
    },
  ),
  model(
    qwen2,
    ...likeEpmoe(QWEN2, choice(QWEN2_LAYER), "Qwen2MoeForCausalLM._create_moe_layer_mappings"),
    form("use_fused", qwen(QWEN2, QWEN2_LAYER)),
  ),
];
