/**
 * The four models: EPMoE or FusedEPMoE by the configured back end, and the weights of each. Since #653
 * (January 2026) they return the chosen experts, which are then chosen in the model too.
 */
import type { Edit, FileEdits, StatementAnchor } from "../../edit.ts";
import {
  argumentLines,
  expertSizes,
  grok,
  grokSizes,
  layerChoice,
  ling,
  qwen2,
  qwen3,
} from "../../layers.ts";
import type { HostedModel, Varying } from "../../tree.ts";

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
  readonly host: HostedModel;
  /** Calls that hand on the scores, or the experts chosen from them. */
  readonly calls: readonly Edit[];
  /** Where the chosen experts are returned: that they are, and the calls there. */
  readonly returned: { readonly at: StatementAnchor; readonly calls: readonly Edit[] };
  /** Function that makes the mappings, and its loop over the experts' tensors. */
  readonly mappings: string;
  readonly loop: string;
  /** Arguments of fused_moe_weight_mappings, one a line. */
  readonly weights: readonly string[];
}

function edited(model: Model, calls: readonly Edit[]): FileEdits {
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
      ...calls,
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

function forms(model: Model): Varying {
  const { host, returned } = model;
  const path = `${MODELS}/${model.file}`;
  return {
    what: `model ${host.title}`,
    needed: false,
    forms: [
      {
        name: "chosen experts kept",
        probes: [{ path, nowhere: [returned.at] }],
        edits: [edited(model, model.calls)],
        host,
      },
      {
        name: "chosen experts returned",
        probes: [],
        edits: [edited(model, returned.calls)],
        host,
      },
    ],
  };
}

/** FusedEPMoE takes the scores, EPMoE the experts chosen from them. */
function routed(
  layerClass: string,
  topk: string,
  scores: string,
): Pick<Model, "calls" | "returned"> {
  const symbol = `${layerClass}.__call__`;
  const chosen = { in: symbol, statement: `topk_weights, topk_ids = ${topk}` };
  const call: Edit = {
    edit: "rewrite",
    at: { in: symbol, expression: "self.mlp(hidden_states, topk_weights, topk_ids)" },
    code: "self.mlp(hidden_states, *routing)",
  };
  return {
    calls: [
      {
        edit: "replace",
        at: chosen,
        code: `# FusedEPMoE takes the scores, EPMoE the experts chosen from them.
routing = ${scores} if self.use_fused else ${topk}
`,
      },
      call,
    ],
    returned: {
      at: { in: symbol, statement: "return hidden_states, residual, kv_fused, topk_ids" },
      calls: [
        {
          edit: "insert",
          where: "after",
          at: chosen,
          code: `# FusedEPMoE takes the scores and chooses the same experts again.
routing = ${scores} if self.use_fused else (topk_weights, topk_ids)
`,
        },
        call,
      ],
    },
  };
}

const EXPERT_TYPES = 'for expert_type in ["gate_proj", "up_proj", "down_proj"]: ...';
const GROK_CHOICE: StatementAnchor = {
  in: "Grok1MoE.__call__",
  statement: "top_k_weights, top_k_indices = self._custom_topk(...)",
};
const QWEN_WEIGHTS = ['f"{prefix}.mlp.experts"', 'f"{target_prefix}.mlp"', "num_experts"] as const;

const all: readonly Model[] = [
  {
    file: "grok.py",
    layerClass: "Grok1MoE",
    attribute: "experts",
    after: "self.router_logit_softcapping = ...",
    arguments: [...grokSizes, "renormalize_topk_logits=False"],
    host: grok,
    calls: [
      {
        edit: "insert",
        where: "before",
        at: GROK_CHOICE,
        code: `if self.use_fused:
    # The kernel takes the k best of the same global softmax, not renormalized.
    return self.experts(hidden_states, jax.nn.softmax(router_logits, axis=-1))

`,
      },
    ],
    returned: {
      at: {
        in: "Grok1MoE.__call__",
        statement:
          "return self.experts(hidden_states, top_k_weights, top_k_indices), top_k_indices",
      },
      calls: [
        {
          edit: "insert",
          where: "after",
          at: GROK_CHOICE,
          code: `if self.use_fused:
    # The kernel takes the k best of the same global softmax, not renormalized.
    scores = jax.nn.softmax(router_logits, axis=-1)
    return self.experts(hidden_states, scores), top_k_indices
`,
        },
      ],
    },
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
  },
  {
    file: "qwen3_moe.py",
    layerClass: "QWen3MoeDecoderLayer",
    attribute: "mlp",
    after: "self.moe_gate = GateLogit(...)",
    arguments: [...expertSizes(""), "renormalize_topk_logits=config.norm_topk_prob"],
    host: qwen3,
    ...routed("QWen3MoeDecoderLayer", "self.topk(router_logits)", "(router_logits,)"),
    mappings: "Qwen3MoeForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  },
  {
    file: "qwen2_moe.py",
    layerClass: "Qwen2MoeDecoderLayer",
    attribute: "mlp",
    after: "self.topk = TopK(...)",
    arguments: [
      ...expertSizes(""),
      'renormalize_topk_logits=getattr(config, "norm_topk_prob", True)',
    ],
    host: qwen2,
    ...routed("Qwen2MoeDecoderLayer", "self.topk(router_logits)", "(router_logits,)"),
    mappings: "Qwen2MoeForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  },
  {
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
    host: ling,
    ...routed(
      "BailingMoEDecoderLayer",
      "self.topk(router_logits, correction_bias)",
      "(router_logits, correction_bias)",
    ),
    mappings: "BailingMoEForCausalLM._create_moe_layer_mappings",
    loop: EXPERT_TYPES,
    weights: QWEN_WEIGHTS,
  },
];

export const models: readonly Varying[] = all.map(forms);
