/** The choice of the back end: enum, server flag, and where it is decided. */
import type { FileEdits } from "../../edit.ts";

const SRT = "python/sgl_jax/srt";

const modelConfig: FileEdits = {
  path: `${SRT}/configs/model_config.py`,
  edits: [
    {
      edit: "insert",
      where: "after",
      at: { statement: "class ModelImpl(...): ..." },
      code: `

class MoEBackend(str, Enum):
    """How the MoE layers run.

    EPMOE: grouped matmuls with collectives around them. FUSED: one generated Pallas kernel. AUTO:
    FUSED where a kernel was made for the model's layer on these devices, else EPMOE.
    """

    EPMOE = "epmoe"
    FUSED = "fused"
    AUTO = "auto"
`,
    },
    {
      edit: "parameter",
      function: "ModelConfig.__init__",
      code: "moe_backend: str | MoEBackend = MoEBackend.EPMOE",
    },
    {
      edit: "insert",
      where: "after",
      at: { in: "ModelConfig.__init__", statement: "self.quantization = quantization" },
      code: `# What was asked for; ModelRunner.load_model decides "auto", when ep_size is known.
self.moe_backend = MoEBackend(moe_backend)
`,
    },
    {
      edit: "argument",
      at: { in: "ModelConfig.from_server_args", expression: "ModelConfig(...)" },
      code: "moe_backend=server_args.moe_backend",
    },
  ],
};

const serverArgs: FileEdits = {
  path: `${SRT}/server_args.py`,
  edits: [
    {
      edit: "insert",
      where: "after",
      at: { in: "ServerArgs", statement: "attention_backend: ... = ..." },
      code: 'moe_backend: str = "epmoe"\n',
    },
    {
      edit: "insert",
      where: "after",
      at: {
        in: "ServerArgs.add_cli_args",
        statement: 'parser.add_argument("--attention-backend", ...)',
      },
      code: `parser.add_argument(
    "--moe-backend",
    type=str,
    choices=["epmoe", "fused", "auto"],
    default=ServerArgs.moe_backend,
    help="Choose the kernels for MoE layers: epmoe, fused (a generated kernel; needs --ep-size to "
    "be the number of devices), or auto (fused where a kernel was made for the model).",
)
`,
    },
  ],
};

const modelRunner: FileEdits = {
  path: `${SRT}/model_executor/model_runner.py`,
  edits: [
    { edit: "import", code: "from sgl_jax.srt.configs.model_config import MoEBackend" },
    { edit: "import", code: "from sgl_jax.srt.layers.moe_backend import resolve_moe_backend" },
    {
      edit: "insert",
      where: "after",
      at: {
        in: "ModelRunner.load_model",
        statement: "self.model_config.hf_config.ep_size = self.ep_size",
      },
      code: `# The back end that was asked for is the target model's; a draft model keeps its layers.
self.model_config.hf_config.moe_backend = (
    MoEBackend.EPMOE
    if self.is_draft_worker
    else resolve_moe_backend(self.model_config, self.ep_size, self.mesh)
).value
`,
    },
  ],
};

const testSuite: FileEdits = {
  path: "test/srt/run_suite.py",
  edits: [
    "test_fused_moe.py",
    "test_fused_moe_loading.py",
    "test_moe_backend.py",
    "kernels/fused_moe_v1_test.py",
  ].map((file) => ({
    edit: "element",
    at: { expression: '[TestFile("python/sgl_jax/test/test_flashattention.py", ...), ...]' },
    code: `TestFile("python/sgl_jax/test/${file}", 5)`,
  })),
};

export const server: readonly FileEdits[] = [modelConfig, serverArgs, modelRunner, testSuite];
