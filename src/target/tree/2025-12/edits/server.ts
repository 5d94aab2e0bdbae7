/** The choice of the back end: enum, server flag, and where it is decided. */
import { modelConfig, serverArgs, testSuite } from "../../backend.ts";
import type { FileEdits } from "../../edit.ts";
import type { Varying } from "../../tree.ts";

const SRT = "python/sgl_jax/srt";

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

export const server: readonly FileEdits[] = [
  modelConfig(SRT),
  serverArgs(SRT, "; needs --ep-size to be the number of devices"),
  modelRunner,
];

/** The suite that runs without a TPU's kernels. */
export const suite: Varying = {
  what: "test suite",
  needed: false,
  forms: [
    {
      name: "test_flashattention.py",
      probes: [],
      edits: [
        testSuite('[TestFile("python/sgl_jax/test/test_flashattention.py", ...), ...]', [
          "test_fused_moe.py",
          "test_fused_moe_loading.py",
          "test_moe_backend.py",
          "kernels/fused_moe_v1_test.py",
        ]),
      ],
    },
  ],
};
