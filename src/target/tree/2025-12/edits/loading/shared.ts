/** What both weight loaders get: the field of a mapping, and dummy weights of the experts. */
import type { Edit } from "../../../edit.ts";

export const WEIGHT_LOADER = "python/sgl_jax/srt/utils/weight_utils.py";
export const LOAD = "WeightLoader.load_weights_from_safetensors";

export const shared: readonly Edit[] = [
  { edit: "import", code: "from collections.abc import Mapping" },
  {
    edit: "insert",
    where: "after",
    at: { in: "WeightMapping", statement: "concat_axis: ... = ..." },
    code: `# Suffixes of an expert's gate and up tensors, which share one (E, 2, D, F) parameter.
fuse_gate_up: tuple[str, str] | None = None
`,
  },
  {
    edit: "insert",
    where: "before",
    at: {
      in: "WeightLoader._load_dummy_weights",
      statement: "full_shape = model_param.value.shape",
    },
    code: `if "expert" not in mapping.sharding:
  # Laid over the model mesh: every device makes the weights of its own experts.
  model_param.value = self._dummy_experts(model_param.value, mapping.sharding, seed)
  continue

`,
  },
  {
    edit: "append",
    in: "WeightLoader",
    code: `
def _dummy_experts(self, param: jax.Array, spec: tuple, seed: int) -> jax.Array:
    """Random weights of a parameter whose first axis, the experts, is laid over self.mesh."""
    sharding = jax.sharding.NamedSharding(self.mesh, P(*spec))
    shape = sharding.shard_shape(param.shape)

    def make_shard(indices):
        rng = np.random.default_rng(seed + (indices[0].start or 0))
        return jnp.asarray(rng.uniform(-1e-3, 1e-3, size=shape), dtype=param.dtype)

    return jax.make_array_from_callback(param.shape, sharding, make_shard)
`,
  },
];
