/** The choice of the back end: enum, server flag, and where "auto" is decided. */
import { testSuite } from "../../backend.ts";
import type { FileEdits } from "../../edit.ts";
import type { Form, Varying } from "../../tree.ts";

const SRT = "python/sgl_jax/srt";

const modelConfig: FileEdits = {
  path: `${SRT}/configs/model_config.py`,
  edits: [
    {
      edit: "replace",
      at: {
        in: "ModelConfig.__init__",
        statement: "if self.moe_backend == MoEBackend.AUTO: ...",
      },
      code: `if self.moe_backend == MoEBackend.AUTO:
    # The expert parallelism is not known before ModelRunner.load_model, which decides.
    logger.info("MoE backend: auto, decided when the model is loaded")
`,
    },
  ],
};

const serverArgs: FileEdits = {
  path: `${SRT}/server_args.py`,
  edits: [
    {
      edit: "element",
      at: {
        in: "ServerArgs.add_cli_args",
        expression: '["epmoe", "fused", ...]',
      },
      code: '"fused_generated"',
    },
  ],
};

const modelRunner: FileEdits = {
  path: `${SRT}/model_executor/model_runner.py`,
  edits: [
    { edit: "import", code: "from sgl_jax.srt.layers.moe_backend import resolve_moe_backend" },
    {
      edit: "insert",
      where: "before",
      at: {
        in: "ModelRunner.load_model",
        statement: "self.model_config.hf_config.moe_backend = self.model_config.moe_backend.value",
      },
      code: `self.model_config.moe_backend = resolve_moe_backend(
    self.model_config, self.ep_size, self.mesh, self.is_draft_worker
)
`,
    },
  ],
};

/** The tree's back ends, with one more after the last fused one. */
function backend(name: string, last: string, lacks: readonly string[]): Form {
  return {
    name,
    probes: [{ path: modelConfig.path, lacks }],
    edits: [
      {
        path: modelConfig.path,
        edits: [
          {
            edit: "insert",
            where: "after",
            at: { in: "MoEBackend", statement: `${last} = ...` },
            code: 'FUSED_GENERATED = "fused_generated"  # Fused kernel made by moegen for one model\n',
          },
        ],
      },
    ],
  };
}

export const backends: Varying = {
  what: "back-end enum",
  needed: true,
  forms: [backend("fused_v2", "FUSED_V2", []), backend("fused", "FUSED", ["MoEBackend.FUSED_V2"])],
};

/** The suite that runs without a TPU's kernels, by its first file. */
const listed = (first: string): Form => ({
  name: first,
  probes: [],
  edits: [
    testSuite(`[TestFile("python/sgl_jax/test/${first}", ...), ...]`, [
      "kernels/fused_moe_generated_test.py",
      "layers/test_fused_moe_generated.py",
      "layers/test_moe_backend.py",
    ]),
  ],
});

export const suite: Varying = {
  what: "test suite",
  needed: false,
  forms: [listed("kernels/quantized_linear_test.py"), listed("test_flashattention.py")],
};

export const server: readonly FileEdits[] = [modelConfig, serverArgs, modelRunner];
