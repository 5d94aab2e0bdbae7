/** The tree's own fused layer, whose parameters and mappings the generated one has. */
import type { FileEdits } from "../../edit.ts";
import type { Probe, Varying } from "../../tree.ts";

const LAYERS = "python/sgl_jax/srt/layers";
const QUANTIZATION = "python/sgl_jax/srt/configs/quantization_config.py";

/** Before #818 a fused layer chose the experts in its kernel, as its parameter says. */
export const ROUTES: Probe = {
  path: `${LAYERS}/moe.py`,
  has: ["FusedEPMoE.__call__(router_logits)"],
};

/** The same of #511, whose layer is in a file of its own, with gate and up in one parameter. */
export const ROUTES_511: Probe = {
  path: `${LAYERS}/fused_moe.py`,
  has: ["FusedEPMoE.__call__(router_logits)", "FusedEPMoE.__init__(config)"],
};

/** Experts that stay as they were loaded are another layer, which a start without a kernel for it refuses. */
const checked: FileEdits = {
  path: "python/sgl_jax/srt/model_executor/model_runner.py",
  edits: [
    {
      edit: "import",
      code: "from sgl_jax.srt.layers.fused_moe_generated import check_generated_experts",
    },
    {
      edit: "insert",
      where: "before",
      at: {
        in: "ModelRunner.load_model",
        statement: 'self.start_layer = getattr(self.model, "start_layer", 0)',
      },
      code: "check_generated_experts(self.model)\n",
    },
  ],
};

/**
 * `base`: the class that the generated layer extends; `module`: where it is. `quantized`: scales of
 * its quantised experts lie as a generated kernel takes them; `configured`: it takes a quantization
 * config at all; `quantizable`: the tree has such configs; `own`: there is
 * no class to extend, and the layer has its parameters itself.
 */
export const layer: Varying = {
  what: "fused layer",
  needed: true,
  forms: [
    {
      name: "FusedEPMoEV2",
      probes: [
        {
          path: `${LAYERS}/fused_moe.py`,
          has: [
            "FusedEPMoE.__call__(topk_ids)",
            "FusedEPMoE.__call__(out_sharding)",
            "FusedEPMoEV2",
          ],
        },
      ],
      edits: [checked],
      facts: {
        base: "FusedEPMoEV2",
        module: "fused_moe",
        quantized: true,
        configured: true,
        quantizable: true,
      },
    },
    {
      name: "FusedEPMoE",
      probes: [
        {
          path: `${LAYERS}/fused_moe.py`,
          has: ["FusedEPMoE.__call__(topk_ids)"],
          lacks: ["FusedEPMoEV2"],
        },
      ],
      edits: [],
      facts: {
        base: "FusedEPMoE",
        module: "fused_moe",
        quantized: false,
        configured: true,
        quantizable: true,
      },
    },
    {
      name: "FusedEPMoE in moe.py",
      probes: [{ path: `${LAYERS}/moe.py`, has: ["FusedEPMoE.__call__(topk_ids)"] }],
      edits: [],
      facts: {
        base: "FusedEPMoE",
        module: "moe",
        quantized: false,
        configured: true,
        quantizable: true,
      },
    },
    {
      name: "FusedEPMoE that routes",
      probes: [ROUTES, { path: ROUTES.path, has: ["FusedEPMoE.__init__(quantization_config)"] }],
      edits: [],
      facts: {
        base: "FusedEPMoE",
        module: "moe",
        quantized: false,
        configured: true,
        quantizable: true,
      },
    },
    {
      name: "FusedEPMoE that routes, in a tree without quantised models",
      probes: [ROUTES, { path: QUANTIZATION, absent: true }],
      edits: [],
      facts: {
        base: "FusedEPMoE",
        module: "moe",
        quantized: false,
        configured: false,
        quantizable: false,
      },
    },
    {
      name: "FusedEPMoE that routes, never quantised",
      probes: [ROUTES, { path: ROUTES.path, lacks: ["FusedEPMoE.__init__(quantization_config)"] }],
      edits: [],
      facts: {
        base: "FusedEPMoE",
        module: "moe",
        quantized: false,
        configured: false,
        quantizable: true,
      },
    },
    {
      name: "FusedEPMoE of #511",
      probes: [ROUTES_511],
      edits: [],
      facts: {
        base: "_Experts",
        own: true,
        quantized: false,
        configured: false,
        quantizable: false,
      },
    },
  ],
};
