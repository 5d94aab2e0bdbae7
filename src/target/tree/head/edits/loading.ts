/** Weight mappings: the parameters of a generated kernel's layer are those of FusedEPMoE. */
import type { Edit } from "../../edit.ts";
import type { Probe, Varying } from "../../tree.ts";

const MOE = "python/sgl_jax/srt/layers/moe.py";

/** Before #694 each model maps its own experts. */
export const OWN_MAPPINGS: Probe = { path: MOE, lacks: ["create_moe_weights_mapping"] };

export const loading: Varying = {
  what: "weight mappings",
  needed: true,
  forms: [
    {
      name: "of one function",
      probes: [],
      edits: [
        {
          path: MOE,
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
        },
      ],
      facts: { ownMappings: false },
    },
    { name: "of each model", probes: [OWN_MAPPINGS], edits: [], facts: { ownMappings: true } },
  ],
};

/** In a model's function that maps the experts as EPMoE's: then as the generated layer's. */
export const mappedOn = (symbol: string): readonly Edit[] => [
  {
    edit: "import",
    code: "from sgl_jax.srt.layers.fused_moe_generated import generated_weight_mappings",
  },
  {
    edit: "insert",
    where: "before",
    at: { in: symbol, statement: "return mappings" },
    code: `if moe_backend == "fused_generated":
    mappings = generated_weight_mappings(mappings)
`,
  },
];
