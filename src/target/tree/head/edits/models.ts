/** The four models: a further class where they choose FusedEPMoE; they route as for that one. */
import type { Edit, FileEdits } from "../../edit.ts";
import { expertSizes, grokSizes, layerChoice } from "../../layers.ts";

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

/** Scales of a quantised checkpoint lie as FusedEPMoE's. */
const qwen3Scales: Edit = {
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

const grok: FileEdits = {
  path: `${MODELS}/grok.py`,
  edits: [
    imported,
    usesFused("Grok1MoE.__init__"),
    generated("Grok1MoE", "experts", ["hidden_size=hidden_size", ...grokSizes, QUANTIZATION]),
  ],
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

export const models: readonly FileEdits[] = [
  grok,
  qwen("qwen3_moe.py", "QWen3MoeDecoderLayer", [qwen3Scales]),
  qwen("qwen2_moe.py", "Qwen2MoeDecoderLayer"),
  ling,
];
