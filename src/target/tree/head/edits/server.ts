/** The choice of the back end: enum, server flag, and where "auto" is decided. */
import { testSuite } from "../../backend.ts";
import type { FileEdits } from "../../edit.ts";

const SRT = "python/sgl_jax/srt";

const modelConfig: FileEdits = {
  path: `${SRT}/configs/model_config.py`,
  edits: [
    {
      edit: "insert",
      where: "after",
      at: { in: "MoEBackend", statement: "FUSED_V2 = ..." },
      code: 'FUSED_GENERATED = "fused_generated"  # Fused kernel made by moegen for one model\n',
    },
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
        expression: '["epmoe", "fused", "fused_v2", ...]',
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

export const server: readonly FileEdits[] = [
  modelConfig,
  serverArgs,
  modelRunner,
  testSuite('[TestFile("python/sgl_jax/test/kernels/quantized_linear_test.py", ...), ...]', [
    "kernels/fused_moe_generated_test.py",
    "layers/test_fused_moe_generated.py",
    "layers/test_moe_backend.py",
  ]),
];
