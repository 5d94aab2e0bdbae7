/** New files of the newest tree. */

import { pyString } from "../../../emit/python.ts";
import { scaleBlock } from "../../../spec/formats.ts";
import { qwen3 } from "../layers.ts";
import type { Facts, HostedKernel, HostedModel, TreeFile } from "../tree.ts";

const SRT = "python/sgl_jax/srt";
const GENERATED = `${SRT}/kernels/fused_moe/generated`;
const TEMPLATES = "head";

/** Where no forms are given: what a manifest may name, which is the same for all. */
const NEWEST: Facts = {
  base: "FusedEPMoEV2",
  module: "fused_moe",
  quantized: true,
  configured: true,
  quantizable: true,
  ownMappings: false,
};

/**
 * All files that the tree gets beside its edited ones. Throws RangeError for a kernel that `adapt`
 * would refuse.
 */
export function files(
  kernels: readonly HostedKernel[],
  facts: Facts = NEWEST,
  hosts: readonly HostedModel[] = [],
): readonly TreeFile[] {
  const file = (path: string, template: string, context = {}): TreeFile => ({
    path,
    template: `${TEMPLATES}/${template}`,
    context,
  });
  const told: Facts = {
    ...facts,
    // A tree whose models are quantised, but no experts of a generated kernel.
    plainAlone: facts.quantizable === true && facts.quantized !== true,
  };
  const predicted = kernels.some(({ predicted }) => predicted === true);
  const backend = {
    ...told,
    predicted,
    models: hosts.flatMap(fieldsOf),
    architecture: likely(hosts),
  };
  return [
    file(`${GENERATED}/__init__.py`, "kernels_init"),
    file(`${GENERATED}/registry.py`, "registry", { ...told, kernels: kernels.map(row) }),
    file(`${SRT}/layers/fused_moe_generated.py`, "fused_moe_generated", {
      ...facts,
      dataclasses: facts.quantized === true || facts.ownMappings === true,
    }),
    file(`${SRT}/layers/moe_backend.py`, "moe_backend", backend),
    file("python/sgl_jax/test/kernels/fused_moe_generated_test.py", "kernel_test"),
    file("python/sgl_jax/test/layers/test_fused_moe_generated.py", "layer_test", {
      ...told,
      checksExperts: facts.quantized === true && facts.ownMappings !== true,
      layerAlone: facts.quantized !== true && facts.ownMappings !== true,
    }),
    file("python/sgl_jax/test/layers/test_moe_backend.py", "backend_test", backend),
    file("benchmark/moe/bench_fused_generated.py", "bench", facts),
  ];
}

/** The architecture that the tests of the back end are of: its fields are those of most models. */
function likely(hosts: readonly HostedModel[]): string {
  const [architecture = ""] = (hosts.find(plain) ?? qwen3).architectures;
  return architecture;
}

const plain = ({ config }: HostedModel): boolean =>
  JSON.stringify(config) === JSON.stringify(qwen3.config);

/** What `_Fields(...)` of each architecture says, fields at their default left out. */
function fieldsOf({
  architectures,
  config,
}: HostedModel): readonly { architecture: string; fields: string }[] {
  if (config === undefined) throw new RangeError(`${architectures[0]} has no fields`);
  const fields = [
    `num_experts=${tuple(config.experts)}`,
    `intermediate_size=${tuple(config.intermediate)}`,
    ...(config.topK === undefined ? [] : [`num_experts_per_tok=${tuple(config.topK)}`]),
    ...(config.activation === undefined ? [] : [`activation=${pyString(config.activation)}`]),
    ...(config.part === undefined ? [] : [`part=${tuple(config.part)}`]),
    ...(config.otherwise === undefined ? [] : ["otherwise=MoEBackend.FUSED"]),
    ...(config.plainExperts === undefined ? [] : ["plain_experts=True"]),
  ].join(", ");
  return architectures.map((architecture) => ({ architecture, fields }));
}

const tuple = (names: readonly string[]): string =>
  `(${names.map(pyString).join(", ")}${names.length === 1 ? "," : ""})`;

/** A kernel as `FusedMoELayer(...)`: what it was made for. */
function row({ name, layer, mesh }: HostedKernel): { name: string; arguments: string } {
  if (typeof layer.activation !== "string") {
    throw new RangeError(`${name} was not adapted to this tree`);
  }
  const scale = layer.quantization && scaleBlock(layer.quantization);
  const fields = [
    `num_experts=${layer.experts}`,
    `num_experts_per_tok=${layer.topK}`,
    `hidden_size=${layer.hidden}`,
    `intermediate_size=${layer.intermediate}`,
    `activation=${pyString(layer.activation)}`,
    `dtype=${pyString(layer.dtype)}`,
    `weight_dtype=${pyString(layer.quantization?.weights ?? layer.dtype)}`,
    `scale_block=${scale ?? "None"}`,
    `activation_dtype=${pyString(layer.quantization?.activations ?? layer.dtype)}`,
    `ep_size=${mesh.ep}`,
  ];
  return { name, arguments: fields.map((field) => `${field},`).join("\n        ") };
}
