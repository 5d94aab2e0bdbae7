/**
 * The models: a further class where they choose FusedEPMoE; they route as for that one. A model whose
 * file has no known form is left alone, and specs for it are refused.
 */
import type { Edit, FileEdits, RewriteEdit } from "../../edit.ts";
import { expertSizes, families, grokSizes, layerChoice } from "../../layers.ts";
import type { Form, HostedModel, Varying } from "../../tree.ts";
import { ROUTES } from "./layer.ts";

const MODELS = "python/sgl_jax/srt/models";

const imported: Edit = {
  edit: "import",
  code: "from sgl_jax.srt.layers.fused_moe_generated import GeneratedFusedEPMoE",
};

/** `self.use_fused`, where it is a comparison with one name. */
const usesFused = (symbol: string): Edit => ({
  edit: "rewrite",
  at: { in: symbol, expression: 'self.moe_backend == "fused"' },
  code: 'self.moe_backend in ("fused", "fused_generated")',
});

const GENERATED = 'self.moe_backend == "fused_generated"';
const QUANTIZATION = 'quantization_config=getattr(config, "quantization_config", None)';

const sizes = (experts: readonly string[]): readonly string[] => [
  "hidden_size=config.hidden_size",
  ...experts,
  QUANTIZATION,
];

/** moegen's layer in the place of the tree's fused one. */
const generated = (
  layerClass: string,
  attribute: string,
  sizes: readonly string[],
  condition = GENERATED,
): Edit =>
  layerChoice({
    in: layerClass,
    attribute,
    was: "FusedEPMoE",
    becomes: "GeneratedFusedEPMoE",
    condition,
    given: sizes,
  });

const qwen = (file: string, layerClass: string, further: readonly Edit[] = []): FileEdits => ({
  path: `${MODELS}/${file}`,
  edits: [
    imported,
    usesFused(`${layerClass}.__init__`),
    generated(layerClass, "mlp", sizes(expertSizes(""))),
    ...further,
  ],
});

/** A model by its title, in these forms. */
function model(
  title: string,
  first: Omit<Form, "host">,
  ...others: readonly Omit<Form, "host">[]
): Varying {
  const host = families.find((one): one is HostedModel => one.title === title);
  if (host === undefined) throw new RangeError(`no model is named ${title}`);
  const hosted = (form: Omit<Form, "host">): Form => ({ ...form, host });
  return {
    what: `model ${title}`,
    needed: false,
    forms: [hosted(first), ...others.map(hosted)],
  };
}

/** Scales of a quantised checkpoint lie as FusedEPMoE's. */
const qwen3Scales: RewriteEdit = {
  edit: "rewrite",
  at: {
    in: "Qwen3MoeForCausalLM._create_moe_layer_mappings",
    expression: 'moe_backend == "fused"',
  },
  code: 'moe_backend in ("fused", "fused_generated")',
};

/** Likewise; one scale a channel stays one, as for FusedEPMoEV2. */
const lingScales: readonly Edit[] = [
  {
    edit: "element",
    at: {
      in: "BailingMoEForCausalLM._create_moe_layer_mappings",
      expression: '("fused", "fused_v2", ...)',
    },
    code: '"fused_generated"',
  },
  {
    edit: "rewrite",
    at: {
      in: "BailingMoEForCausalLM._create_moe_layer_mappings",
      expression: '_wbs is None and moe_backend == "fused_v2"',
    },
    code: '_wbs is None and moe_backend in ("fused_v2", "fused_generated")',
  },
];

const grokGiven = ["hidden_size=hidden_size", ...grokSizes, QUANTIZATION];

const grok: FileEdits = {
  path: `${MODELS}/grok.py`,
  edits: [imported, usesFused("Grok1MoE.__init__"), generated("Grok1MoE", "experts", grokGiven)],
};

const ling: FileEdits = {
  path: `${MODELS}/bailing_moe.py`,
  edits: [
    imported,
    {
      edit: "element",
      at: {
        in: "BailingMoEDecoderLayer.__init__",
        expression: "(MoEBackend.FUSED, MoEBackend.FUSED_V2, ...)",
      },
      code: "MoEBackend.FUSED_GENERATED",
    },
    generated(
      "BailingMoEDecoderLayer",
      "mlp",
      sizes(expertSizes("config.")),
      "self.moe_backend == MoEBackend.FUSED_GENERATED",
    ),
    ...lingScales,
  ],
};

/**
 * Where the tree's fused layer chooses experts in its kernel, a generated one is called as EPMoE is:
 * the model's own `TopK` routes, for a kernel that routing is given to.
 */
const likeEpmoe = (
  file: string,
  layerClass: string,
  attribute: string,
  given: readonly string[],
): Omit<Form, "host"> => ({
  name: "routed as for EPMoE",
  probes: [ROUTES],
  edits: [
    {
      path: `${MODELS}/${file}`,
      edits: [
        imported,
        layerChoice({
          in: layerClass,
          attribute,
          was: "EPMoE",
          becomes: "GeneratedFusedEPMoE",
          condition: GENERATED,
          given,
        }),
        ...(file === "grok.py" ? [grokGenerated] : []),
      ],
    },
  ],
});

/** Grok says which classes its layer may be. */
const grokGenerated: Edit = {
  edit: "rewrite",
  at: { in: "Grok1MoE.__call__", expression: "isinstance(self.experts, EPMoE)" },
  code: "isinstance(self.experts, (EPMoE, GeneratedFusedEPMoE))",
};

/** Ling before FusedEPMoEV2: its shared experts are in FusedEPMoE, and beside a generated layer. */
const lingOfOneFused: FileEdits = {
  path: `${MODELS}/bailing_moe.py`,
  edits: [
    imported,
    {
      edit: "rewrite",
      at: {
        in: "BailingMoEDecoderLayer.__init__",
        expression: "self.moe_backend == MoEBackend.FUSED",
      },
      code: "self.moe_backend in (MoEBackend.FUSED, MoEBackend.FUSED_GENERATED)",
    },
    generated(
      "BailingMoEDecoderLayer",
      "mlp",
      sizes(expertSizes("config.")),
      "self.moe_backend == MoEBackend.FUSED_GENERATED",
    ),
    {
      edit: "rewrite",
      at: {
        in: "BailingMoEDecoderLayer.__init__",
        expression: "num_shared_experts > 0 and not self.use_fused",
      },
      code: "num_shared_experts > 0 and self.moe_backend != MoEBackend.FUSED",
    },
  ],
};

export const models: readonly Varying[] = [
  model("Grok", likeEpmoe("grok.py", "Grok1MoE", "experts", grokGiven), {
    name: "use_fused",
    probes: [],
    edits: [grok],
  }),
  model(
    "Qwen3-MoE",
    likeEpmoe("qwen3_moe.py", "QWen3MoeDecoderLayer", "mlp", sizes(expertSizes(""))),
    {
      name: "with scales",
      probes: [],
      edits: [qwen("qwen3_moe.py", "QWen3MoeDecoderLayer", [qwen3Scales])],
    },
    {
      name: "without scales",
      probes: [{ path: `${MODELS}/qwen3_moe.py`, nowhere: [qwen3Scales.at] }],
      edits: [qwen("qwen3_moe.py", "QWen3MoeDecoderLayer")],
    },
  ),
  model(
    "Qwen2-MoE",
    likeEpmoe("qwen2_moe.py", "Qwen2MoeDecoderLayer", "mlp", sizes(expertSizes(""))),
    { name: "use_fused", probes: [], edits: [qwen("qwen2_moe.py", "Qwen2MoeDecoderLayer")] },
  ),
  model(
    "Ling",
    likeEpmoe("bailing_moe.py", "BailingMoEDecoderLayer", "mlp", sizes(expertSizes("config."))),
    { name: "fused_v2", probes: [], edits: [ling] },
    { name: "fused", probes: [], edits: [lingOfOneFused] },
  ),
];
