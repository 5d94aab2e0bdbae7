/** The four models: EPMoE or FusedEPMoE by the configured back end, and the weights of each. */
import type { Edit, FileEdits } from "../../edit.ts";
import { argumentLines, expertSizes, grokSizes, layerChoice } from "../../layers.ts";

const MODELS = "python/sgl_jax/srt/models";
const IS_FUSED = 'getattr(self.config, "moe_backend", None) == MoEBackend.FUSED';

const imports: readonly Edit[] = [
  { edit: "import", code: "from sgl_jax.srt.configs.model_config import MoEBackend" },
  {
    edit: "import",
    code: "from sgl_jax.srt.layers.fused_moe import FusedEPMoE, fused_moe_weight_mappings",
  },
];

/** What differs from model to model. */
interface Model {
  readonly file: string;
  /** Class that makes the layer. */
  readonly layerClass: string;
  /** Attribute of the layer. */
  readonly attribute: string;
  /** Statement that `self.use_fused` is set after. */
  readonly after: string;
  /** Arguments of FusedEPMoE, one a line. */
  readonly arguments: readonly string[];
  /** Calls that hand on the scores, or the experts chosen from them. */
  readonly calls: readonly Edit[];
  /** Function that makes the mappings, and its loop over the experts' tensors. */
  readonly mappings: string;
  readonly loop: string;
  /** Arguments of fused_moe_weight_mappings, one a line. */
  readonly weights: readonly string[];
}

function edited(model: Model): FileEdits {
  const making = `${model.layerClass}.__init__`;
  return {
    path: `${MODELS}/${model.file}`,
    edits: [
      ...imports,
      {
        edit: "insert",
        where: "after",
        at: { in: making, statement: model.after },
        code: 'self.use_fused = getattr(config, "moe_backend", None) == MoEBackend.FUSED\n',
      },
      layerChoice({
        in: model.layerClass,
        attribute: model.attribute,
        was: "EPMoE",
        becomes: "FusedEPMoE",
        condition: "self.use_fused",
        given: ["config=config", ...model.arguments],
      }),
      ...model.calls,
      {
        edit: "insert",
        where: "before",
        at: { in: model.mappings, statement: model.loop },
        code: `if ${IS_FUSED}:
    mappings |= fused_moe_weight_mappings(\n${argumentLines(model.weights.map((one) => `    ${one}`))}    )
    return mappings

`,
      },
    ],
  };
}

/** FusedEPMoE takes the scores, EPMoE the experts chosen from them. */
function routed(symbol: string, call: string, topk: string, scores: string): readonly Edit[] {
  return [
    {
      edit: "replace",
      at: { in: symbol, statement: `topk_weights, topk_ids = ${topk}` },
      code: `# FusedEPMoE takes the scores, EPMoE the experts chosen from them.
routing = ${scores} if self.use_fused else ${topk}
`,
    },
    {
      edit: "rewrite",
      at: { in: symbol, expression: `${call}(hidden_states, topk_weights, topk_ids)` },
      code: `${call}(hidden_states, *routing)`,
    },
  ];
}

const EXPERT_TYPES = 'for expert_type in ["gate_proj", "up_proj", "down_proj"]: ...';
const QWEN_WEIGHTS = ['f"{prefix}.mlp.experts"', 'f"{target_prefix}.mlp"', "num_experts"] as const;

export const models: readonly FileEdits[] = [
  edited({
    file: "grok.py",
    layerClass: "Grok1MoE",
    attribute: "experts",
    after: "self.router_logit_softcapping = ...",
    arguments: [...grokSizes, "renormalize_topk_logits=False"],
    calls: [
      {
        edit: "insert",
        where: "before",
        at: {
          in: "Grok1MoE.__call__",
          statement: "top_k_weights, top_k_indices = self._custom_topk(...)",
        },
        code: `if self.use_fused:
    # The kernel takes the k best of the same global softmax, not renormalized.
    return self.experts(hidden_states, jax.nn.softmax(router_logits, axis=-1))

`,
      },
    ],
    mappings: "Grok1ForCausalLM._create_layer_mappings",
    loop: "for name, target_name in ...: ...",
    weights: [
      'f"{prefix}.block_sparse_moe.experts"',
      'f"{target_prefix}.block_sparse_moe.experts"',
      "self.config.num_local_experts",
      'gate="w1"',
      'up="w3"',
      'down="w2"',
      "sliced=True",
    ],
  }),
  edited({
    file: "qwen3_moe.py",
    layerClass: "QWen3MoeDecoderLayer",
    attribute: "mlp",
    after: "self.moe_gate = GateLogit(...)",
    arguments: [...expertSizes(""), "renormalize_topk_logits=config.norm_topk_prob"],
    calls: routed(
      "QWen3MoeDecoderLayer.__call__",
      "self.mlp",
      "self.topk(router_logits)",
      "(router_logits,)",
    ),
    mappings: "Qwen3MoeForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  }),
  edited({
    file: "qwen2_moe.py",
    layerClass: "Qwen2MoeDecoderLayer",
    attribute: "mlp",
    after: "self.topk = TopK(...)",
    arguments: [
      ...expertSizes(""),
      'renormalize_topk_logits=getattr(config, "norm_topk_prob", True)',
    ],
    calls: routed(
      "Qwen2MoeDecoderLayer.__call__",
      "self.mlp",
      "self.topk(router_logits)",
      "(router_logits,)",
    ),
    mappings: "Qwen2MoeForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  }),
  edited({
    file: "bailing_moe.py",
    layerClass: "BailingMoEDecoderLayer",
    attribute: "mlp",
    after: "self.topk = TopK(...)",
    arguments: [
      ...expertSizes("config."),
      "renormalize_topk_logits=config.norm_topk_prob",
      "num_expert_group=config.n_group",
      "topk_group=config.topk_group",
      "routed_scaling_factor=config.routed_scaling_factor",
      "use_correction_bias=self.moe_gate.bias is not None",
    ],
    calls: routed(
      "BailingMoEDecoderLayer.__call__",
      "self.mlp",
      "self.topk(router_logits, correction_bias)",
      "(router_logits, correction_bias)",
    ),
    mappings: "BailingMoEForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  }),
];
