/**
 * What the models' edits are made of. A model gets a further class where it chooses its layer, and
 * routes as for the class beside it: as for FusedEPMoE, with padding tokens that have no expert, or
 * as for EPMoE.
 */
import type { Edit, FileEdits, RewriteEdit } from "../../../edit.ts";
import { layerChoice } from "../../../layers.ts";
import type { Form, HostedModel, Varying } from "../../../tree.ts";
import { ROUTES, ROUTES_511 } from "../layer.ts";
import { mappedOn, OWN_MAPPINGS } from "../loading.ts";

export const MODELS = "python/sgl_jax/srt/models";

export const imported: Edit = {
  edit: "import",
  code: "from sgl_jax.srt.layers.fused_moe_generated import GeneratedFusedEPMoE",
};

/** The back end of a layer that compares it as a string, and as an enum. */
export const GENERATED = 'self.moe_backend == "fused_generated"';
export const GENERATED_ENUM = "self.moe_backend == MoEBackend.FUSED_GENERATED";
/** Where the layer keeps no back end of its own. */
export const CONFIGURED = 'getattr(config, "moe_backend", None) == "fused_generated"';

const QUANTIZATION = 'quantization_config=getattr(config, "quantization_config", None)';

/** Arguments of a layer whose class takes the hidden size and what quantises its experts. */
export const sizes = (experts: readonly string[]): readonly string[] => [
  "hidden_size=config.hidden_size",
  ...experts,
  QUANTIZATION,
];

/** `self.use_fused`, where it is a comparison with one name. */
export const usesFused = (symbol: string): Edit => ({
  edit: "rewrite",
  at: { in: symbol, expression: 'self.moe_backend == "fused"' },
  code: 'self.moe_backend in ("fused", "fused_generated")',
});

/** The same of the enum, whatever it is read from. */
export const usesFusedEnum = (symbol: string, backend = "self.moe_backend"): Edit => ({
  edit: "rewrite",
  at: { in: symbol, expression: `${backend} == MoEBackend.FUSED` },
  code: `${backend} in (MoEBackend.FUSED, MoEBackend.FUSED_GENERATED)`,
});

/** Shared experts that are in FusedEPMoE come beside a generated layer. */
export const sharedOutside = (symbol: string): Edit => ({
  edit: "rewrite",
  at: { in: symbol, expression: "num_shared_experts > 0 and not self.use_fused" },
  code: "num_shared_experts > 0 and self.moe_backend != MoEBackend.FUSED",
});

/** A further back end where a tuple of strings names them. */
export const oneMore = (symbol: string): Edit => ({
  edit: "element",
  at: { in: symbol, expression: '("fused", "fused_v2", ...)' },
  code: '"fused_generated"',
});

/** A further back end where a tuple of the enum names them. */
export const oneMoreEnum = (symbol: string): Edit => ({
  edit: "element",
  at: { in: symbol, expression: "(MoEBackend.FUSED, MoEBackend.FUSED_V2, ...)" },
  code: "MoEBackend.FUSED_GENERATED",
});

/** One scale a channel stays one, as for FusedEPMoEV2. */
export const perChannelScales = (symbol: string): Edit => ({
  edit: "rewrite",
  at: { in: symbol, expression: '_wbs is None and moe_backend == "fused_v2"' },
  code: '_wbs is None and moe_backend in ("fused_v2", "fused_generated")',
});

/** Scales of a checkpoint lie over the devices as their weights, which for EPMoE is the same. */
export const scalesAsWeights = (symbol: string): RewriteEdit => ({
  edit: "rewrite",
  at: { in: symbol, expression: '("expert", None, None)' },
  code: "(wm.sharding[0], None, None)",
});

export interface Choice {
  /** Class that makes the layer. */
  readonly in: string;
  /** Its function that does. Absent: `__init__`. */
  readonly method?: string;
  /** Attribute of the layer. */
  readonly attribute: string;
  /** Arguments of the new class, one a line. */
  readonly given: readonly string[];
  readonly condition?: string;
  /** The class whose place it takes under the condition. */
  readonly was?: "FusedEPMoE" | "EPMoE";
}

/** moegen's layer in the place of the tree's own. */
export const generated = ({ condition = GENERATED, was = "FusedEPMoE", ...choice }: Choice): Edit =>
  layerChoice({ ...choice, was, becomes: "GeneratedFusedEPMoE", condition });

/**
 * What the model runner decides is said of the whole config; a model whose layers read a part of it
 * hands it on, after the statement that takes the part.
 */
export const handedOn = (symbol: string, statement: string, part: string): Edit => ({
  edit: "insert",
  where: "after",
  at: { in: symbol, statement },
  code: `if ${CONFIGURED}:
    # The back end is decided for the whole config; the layers read a part of it.
    ${part}.moe_backend, ${part}.ep_size = config.moe_backend, config.ep_size
`,
});

/** The edits of one file of models. */
export const file = (name: string, edits: readonly Edit[]): FileEdits => ({
  path: `${MODELS}/${name}`,
  edits: [imported, ...edits],
});

type Unhosted = Omit<Form, "host">;

/** A model in these forms. */
export function model(host: HostedModel, first: Unhosted, ...others: readonly Unhosted[]): Varying {
  const hosted = (form: Unhosted): Form => ({ ...form, host });
  return {
    what: `model ${host.title}`,
    needed: false,
    forms: [hosted(first), ...others.map(hosted)],
  };
}

/** A form without a probe: the places of its edits say that it is there. */
export const form = (name: string, ...edits: readonly FileEdits[]): Unhosted => ({
  name,
  probes: [],
  edits,
});

/**
 * Where the tree's fused layer chooses experts in its kernel, a generated one is called as EPMoE is:
 * the model's own `TopK` routes, for a kernel that routing is given to. `mappings`: the function that
 * maps the experts' weights.
 */
export function likeEpmoe(
  name: string,
  choice: Omit<Choice, "was">,
  mappings: string,
  further: readonly Edit[] = [],
): readonly [Unhosted, Unhosted, Unhosted] {
  const edits = [generated({ ...choice, was: "EPMoE" }), ...further];
  return [
    {
      name: "routed as for EPMoE, mapped by the model",
      probes: [ROUTES, OWN_MAPPINGS],
      edits: [file(name, [...edits, ...mappedOn(mappings)])],
    },
    {
      name: "routed as for EPMoE, beside #511",
      probes: [ROUTES_511, OWN_MAPPINGS],
      edits: [file(name, [...edits, ...mappedOn(mappings)])],
    },
    { name: "routed as for EPMoE", probes: [ROUTES], edits: [file(name, edits)] },
  ];
}
