/** Before #545: tensors are kept until their group is whole. What a checkpoint lacks is named. */
import type { FileEdits } from "../../../edit.ts";
import { LOAD, shared, WEIGHT_LOADER } from "./shared.ts";

export const buffered: FileEdits = {
  path: WEIGHT_LOADER,
  edits: [
    ...shared,
    {
      edit: "insert",
      where: "after",
      at: { in: LOAD, statement: "moe_buffer = {}" },
      code: "finished_moe_groups: set[str] = set()\n",
    },
    {
      edit: "insert",
      where: "before",
      at: { in: LOAD, statement: "if moe_key not in moe_buffer: ..." },
      code: `copies = 1 if mapping.concat_axis is None else safetensors_partition
seen = len(moe_buffer.get(moe_key, {}).get(hf_key, []))
if moe_key in finished_moe_groups or seen == copies:
    raise RuntimeError(
        f"Duplicate MoE expert weight: {hf_key} is in the checkpoint more than "
        f"{copies} time(s)"
    )
`,
    },
    {
      edit: "insert",
      where: "after",
      at: { in: LOAD, statement: "del moe_buffer[moe_key]" },
      code: "finished_moe_groups.add(moe_key)\n",
    },
    {
      edit: "insert",
      where: "before",
      at: { in: LOAD, statement: "if moe_buffer: ..." },
      code: `# A group that the checkpoint has no tensor of is incomplete as well.
for moe_key in moe_mappings:
    if moe_key not in finished_moe_groups:
        moe_buffer.setdefault(moe_key, {})

`,
    },
    {
      edit: "replace",
      at: { in: LOAD, statement: 'raise RuntimeError("Incomplete MoE expert weights detected.")' },
      code: `raise RuntimeError(
    "Incomplete MoE expert weights detected: "
    + self._missing_expert_weights(moe_mappings, moe_buffer, safetensors_partition)
)
`,
    },
    {
      edit: "branch",
      at: {
        in: "WeightLoader._process_single_moe_group",
        statement: "stacked_weight = jnp.stack(collected_weights, axis=0)",
      },
      condition: "mapping.fuse_gate_up is not None",
      code: `stacked_weight = self._fuse_gate_up(
    expected_hf_keys, collected_weights, mapping.fuse_gate_up
)
`,
    },
    {
      edit: "insert",
      where: "before",
      at: {
        in: "WeightLoader._process_single_moe_group",
        statement: 'if "expert" in mapping.sharding: ...',
      },
      code: `expected_shape = self._get_param(params, target_path).value.shape
if stacked_weight.shape != expected_shape:
    raise ValueError(
        f"MoE group {moe_key}: the checkpoint gives {stacked_weight.shape}, "
        f"the model has {expected_shape}"
    )

`,
    },
    {
      edit: "append",
      in: "WeightLoader",
      code: `
@staticmethod
def _fuse_gate_up(
    hf_keys: list[str], weights: list[jax.Array], suffixes: tuple[str, str]
) -> jax.Array:
    """Stacks the gate and up weights (D, F) of all experts to (E, 2, D, F), gate first."""
    gate, up = (
        [weight for key, weight in zip(hf_keys, weights) if key.endswith(suffix)]
        for suffix in suffixes
    )
    if len(gate) != len(up) or len(gate) + len(up) != len(hf_keys):
        raise ValueError(
            f"expected one {suffixes[0]} and one {suffixes[1]} for each expert, "
            f"got {len(gate)} and {len(up)} of {len(hf_keys)} tensors"
        )
    return jnp.stack([jnp.stack(gate), jnp.stack(up)], axis=1)

@staticmethod
def _missing_expert_weights(
    moe_mappings: Mapping[str, WeightMapping],
    moe_buffer: Mapping[str, Mapping[str, list[jax.Array]]],
    safetensors_partition: int,
    shown: int = 8,
) -> str:
    """Names the expert tensors that unfinished groups lack, the first few of them."""
    missing = []
    for moe_key, seen in moe_buffer.items():
        mapping = moe_mappings[moe_key]
        copies = 1 if mapping.concat_axis is None else safetensors_partition
        for hf_key in mapping.target_path[1:]:
            lacking = copies - len(seen.get(hf_key, []))
            if lacking:
                missing.append(hf_key if copies == 1 else f"{hf_key} ({lacking} of {copies})")
    more = f" and {len(missing) - shown} more" if len(missing) > shown else ""
    return ", ".join(missing[:shown]) + more
`,
    },
  ],
};
