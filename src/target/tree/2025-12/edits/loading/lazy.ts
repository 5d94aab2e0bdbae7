/** Since #545: each device reads its own part. What a checkpoint lacks is named before any is read. */
import type { FileEdits } from "../../../edit.ts";
import { LOAD, shared, WEIGHT_LOADER } from "./shared.ts";

export const lazy: FileEdits = {
  path: WEIGHT_LOADER,
  edits: [
    ...shared,
    {
      edit: "insert",
      where: "before",
      at: { in: LOAD, statement: "for moe_key, mapping in tqdm(moe_mappings.items(), ...): ..." },
      code: `self._check_fused_experts(moe_mappings, weight_info, safetensors_partition)
`,
    },
    {
      edit: "insert",
      where: "before",
      at: { in: LOAD, statement: "if not is_tp_split and mapping.concat_axis is None: ..." },
      code: `if "expert" not in mapping.sharding:
    self._load_fused_experts(params, mapping, weight_info, file_manager)
    continue

`,
    },
    {
      edit: "append",
      in: "WeightLoader",
      code: `
def _check_fused_experts(
    self,
    moe_mappings: Mapping[str, WeightMapping],
    weight_info: Mapping[str, list[dict]],
    safetensors_partition: int,
    shown: int = 8,
) -> None:
    """Every expert tensor of FusedEPMoE is in the checkpoint, once or in all its slices.

    Raises:
      RuntimeError: with the first few that are not, or are there too often.
    """
    missing = []
    for mapping in moe_mappings.values():
        if "expert" in mapping.sharding:
            continue
        copies = 1 if mapping.concat_axis is None else safetensors_partition
        for hf_key in mapping.target_path[1:]:
            if self._is_excluded_layer_weight(hf_key):
                continue
            lacking = copies - len(weight_info.get(hf_key, []))
            if lacking < 0:
                raise RuntimeError(
                    f"Duplicate MoE expert weight: {hf_key} is in the checkpoint more than "
                    f"{copies} time(s)"
                )
            if lacking:
                missing.append(hf_key if copies == 1 else f"{hf_key} ({lacking} of {copies})")
    if missing:
        more = f" and {len(missing) - shown} more" if len(missing) > shown else ""
        raise RuntimeError(
            f"Incomplete MoE expert weights detected: {', '.join(missing[:shown])}{more}"
        )

def _load_fused_experts(
    self,
    params: nnx.State,
    mapping: WeightMapping,
    weight_info: Mapping[str, list[dict]],
    file_manager: SequentialSafetensorManager,
) -> None:
    """Loads one parameter of FusedEPMoE; gate and up of all experts become (E, 2, D, F).

    Raises:
      ValueError: it has another shape in the checkpoint than in the model.
    """
    target_path, *hf_keys = mapping.target_path
    halves = [
        self._stack_experts(
            [key for key in hf_keys if key.endswith(suffix)], mapping, weight_info, file_manager
        )
        for suffix in mapping.fuse_gate_up or ("",)
    ]
    weight = halves[0] if mapping.fuse_gate_up is None else jnp.stack(halves, axis=1)
    param = self._get_param(params, target_path)
    if weight.shape != param.value.shape:
        raise ValueError(
            f"MoE group {target_path}: the checkpoint gives {weight.shape}, "
            f"the model has {param.value.shape}"
        )
    sharding = jax.sharding.NamedSharding(self.mesh, P(*mapping.sharding))
    param.value = jax.device_put(weight.astype(param.value.dtype), sharding)

def _stack_experts(
    self,
    hf_keys: list[str],
    mapping: WeightMapping,
    weight_info: Mapping[str, list[dict]],
    file_manager: SequentialSafetensorManager,
) -> jax.Array:
    """One matrix of every expert (E, in, out), laid over self.mesh by expert."""
    by_expert = jax.sharding.NamedSharding(self.mesh, P(mapping.sharding[0], None, None))
    if mapping.concat_axis is None:
        return self._create_stacked_moe_lazy_tensor(
            hf_keys,
            weight_info,
            file_manager,
            do_transpose=mapping.transpose,
            target_sharding=by_expert,
        )
    experts = [
        self._create_split_lazy_tensor(
            hf_key, weight_info[hf_key], file_manager, concat_axis=mapping.concat_axis
        )
        for hf_key in hf_keys
    ]
    if mapping.transpose:
        experts = [jnp.transpose(expert, (1, 0)) for expert in experts]
    return jax.device_put(jnp.stack(experts, axis=0), by_expert)
`,
    },
  ],
};
