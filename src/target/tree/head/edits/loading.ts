/** Weight mappings: the parameters of a generated kernel's layer are those of FusedEPMoE. */
import type { FileEdits } from "../../edit.ts";

const mapping: FileEdits = {
  path: "python/sgl_jax/srt/layers/moe.py",
  edits: [
    {
      edit: "insert",
      where: "before",
      at: {
        in: "create_moe_weights_mapping",
        statement: 'if moe_backend == "epmoe":\n    expert_type_map = ...',
      },
      code: `if moe_backend == "fused_generated":
    # GeneratedFusedEPMoE has the parameters of FusedEPMoE.
    moe_backend = "fused"

`,
    },
  ],
};

export const loading: readonly FileEdits[] = [mapping];
