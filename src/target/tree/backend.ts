/** The choice of the back end where a tree has none: enum, server flag; and the list of its tests. */
import type { Edit, FileEdits } from "./edit.ts";

/** `MoEBackend`, and the way of a request from the server's arguments to the model's configuration. */
export function modelConfig(srt: string): FileEdits {
  return {
    path: `${srt}/configs/model_config.py`,
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
        code: `# What was asked for; ModelRunner.load_model decides "auto", when the mesh is known.
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
}

/** `--moe-backend`; `needs`: what a fused kernel asks of the other flags, in parentheses. */
export function serverArgs(srt: string, needs = ""): FileEdits {
  return {
    path: `${srt}/server_args.py`,
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
    help="Choose the kernels for MoE layers: epmoe, fused (a generated kernel${needs}), "
    "or auto (fused where a kernel was made for the model).",
)
`,
      },
    ],
  };
}

/** Test files, below `python/sgl_jax/test`, in the suite that `list` finds. */
export function testSuite(list: string, files: readonly string[]): FileEdits {
  return {
    path: "test/srt/run_suite.py",
    edits: files.map(
      (file): Edit => ({
        edit: "element",
        at: { expression: list },
        code: `TestFile("python/sgl_jax/test/${file}", 5)`,
      }),
    ),
  };
}
