/** Gemma-4, which has no fused layer of the tree: it loads its experts by code of its own. */
import type { Edit } from "../../../edit.ts";
import type { Varying } from "../../../tree.ts";
import { gemma4 as host } from "../hosts.ts";
import { CONFIGURED, file, form, generated, handedOn, model, sizes } from "./parts.ts";

const MODEL = "Gemma4ForCausalLM";
const LOAD = `${MODEL}.load_weights`;
const GENERATED = 'getattr(self.config, "moe_backend", None) == "fused_generated"';
const HAS_EXPERTS = 'getattr(self.config, "enable_moe_block", False)';

/** Gate and up of a checkpoint are one tensor (E, 2F, D), down is (E, D, F). */
const loadGenerated = `
def _load_generated_experts(self, loader: WeightLoader) -> None:
    """Loads the experts of GeneratedFusedEPMoE: w1 and w3 (E, D, F), w2 (E, F, D), by expert.

    Raises:
      ValueError: the checkpoint lacks a layer's experts.
    """
    weight_info = {} if loader.dummy_mode else loader._scan_weight_info()
    by_expert = NamedSharding(self.mesh, P(("data", "tensor"), None, None))

    def read(layer_idx: int, name: str) -> np.ndarray:
        keys = [
            f"model.language_model.layers.{layer_idx}.experts.{name}",
            f"model.language_model.layers.{layer_idx}.experts.{name}.weight",
            f"model.layers.{layer_idx}.experts.{name}",
        ]
        key = next((key for key in keys if key in weight_info), None)
        if key is None:
            raise ValueError(f"the checkpoint has none of {keys}")
        with safetensors.safe_open(weight_info[key][0]["file"], framework="np") as file:
            return np.transpose(file.get_tensor(key), (0, 2, 1))

    for layer_idx, layer in enumerate(self.model.layers):
        if not layer.enable_moe_block:
            continue
        experts = layer.experts
        if loader.dummy_mode:
            weights = [np.zeros(w.value.shape) for w in (experts.w1, experts.w3, experts.w2)]
        else:
            gate, up = np.split(read(layer_idx, "gate_up_proj"), 2, axis=2)
            weights = [gate, up, read(layer_idx, "down_proj")]
        for param, weight in zip((experts.w1, experts.w3, experts.w2), weights):
            param.value = jax.device_put(weight.astype(self.dtype), by_expert)
`;

const loading: readonly Edit[] = [
  {
    edit: "insert",
    where: "before",
    at: { in: LOAD, statement: `if ${HAS_EXPERTS} and not loader.dummy_mode: ...` },
    code: `generated = ${HAS_EXPERTS} and ${GENERATED}
if generated:
    self._load_generated_experts(loader)

`,
  },
  ...["not loader.dummy_mode", "loader.dummy_mode"].map(
    (mode): Edit => ({
      edit: "rewrite",
      at: { in: LOAD, expression: `${HAS_EXPERTS} and ${mode}` },
      code: `${HAS_EXPERTS} and ${mode} and not generated`,
    }),
  ),
  { edit: "append", in: MODEL, code: loadGenerated },
];

const edits = file("gemma4.py", [
  generated({
    in: "Gemma4DecoderLayer",
    attribute: "experts",
    condition: CONFIGURED,
    was: "EPMoE",
    given: sizes([
      "num_experts=num_experts",
      "num_experts_per_tok=num_experts_per_tok",
      "intermediate_dim=moe_intermediate_size",
      "mesh=mesh",
      'ep_size=getattr(config, "ep_size", 1)',
      "weight_dtype=dtype",
      "dtype=dtype",
      'activation="gelu"',
      "layer_id=layer_id",
    ]),
  }),
  handedOn(
    `${MODEL}.__init__`,
    'self.config = getattr(config, "text_config", config)',
    "self.config",
  ),
  ...loading,
]);

export const gemma: Varying = model(host, form("EPMoE's place", edits));
