/** A spec as a tree needs it: its layer, its mesh axes, and the plan of that. */
import { registries } from "../check/index.ts";
import { judge } from "../check/judge.ts";
import { architectureOf } from "../dsl/brand.ts";
import type { Plan } from "../plan/plan.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { HostedKernel, Tree } from "../target/tree/tree.ts";
import { IntoError } from "./errors.ts";

export interface AdaptedSpec {
  readonly plan: Plan;
  readonly kernel: HostedKernel;
  /** What is otherwise than the spec says, one sentence each. */
  readonly remarks: readonly string[];
}

/** Throws `IntoError` where the tree cannot serve such a layer. */
export function adaptSpec(tree: Tree, spec: MoeSpec, path: string): AdaptedSpec {
  const own = [
    ...unhosted(tree, architectureOf(spec)),
    ...eightBitRows(tree, spec.layer),
    ...cutExperts(spec),
  ];
  const adapted = tree.adapt(spec.layer);
  if ("refused" in adapted) throw refusal(tree, path, [...own, ...adapted.refused]);
  if (own.length > 0) throw refusal(tree, path, own);
  const { meshAxes, epAxes } = tree.surface;
  const remarks = [...adapted.remarks];
  if (spec.mesh.axes.join() !== epAxes.join()) {
    remarks.push(`experts spread over ${epAxes.join(" x ")}, of a mesh of ${meshAxes.join(" x ")}`);
  }
  const made: MoeSpec = {
    ...spec,
    layer: adapted.layer,
    mesh: { ...spec.mesh, axes: epAxes },
    // The tests that come with the kernel compare it with its reference.
    emit: { ...spec.emit, reference: true },
  };
  const { findings, plan } = judge(made, registries);
  const [first, ...others] = findings
    .filter(({ severity }) => severity === "error")
    .map(({ message }) => message);
  if (first !== undefined) throw refusal(tree, path, [first, ...others]);
  if (plan === undefined) throw new RangeError(`${path} has no plan and no error`);
  return { plan, kernel: hosted(plan), remarks };
}

/** A kernel that no model of the tree can use would be refused by its server alone. */
function unhosted(tree: Tree, architecture: string | undefined): readonly string[] {
  const served = tree.hosts.flatMap(({ architectures }) => architectures);
  if (architecture === undefined || served.includes(architecture)) return [];
  return [
    `architecture: no model of this tree that can use a generated kernel is ${architecture}; ` +
      `those that can: ${served.join(", ")}`,
  ];
}

/** A kernel that rounds rows where the tree's own layers do not would not give the same tokens. */
function eightBitRows({ surface }: Tree, { quantization, wire }: LayerSpec): readonly string[] {
  const activations = surface.eightBitActivations ? undefined : quantization?.activations;
  const fields = [
    ...(activations === undefined ? [] : ["quantization.activations"]),
    ...(wire === undefined ? [] : ["wire"]),
  ];
  return fields.map((field) => `layer.${field}: the layers of this tree have no rows of 8 bits`);
}

/** A tree's layers keep an expert's weights whole on its device, whatever the mesh is. */
function cutExperts({ mesh: { tp } }: MoeSpec): readonly string[] {
  return tp === undefined
    ? []
    : [`mesh.tp: the layers of trees have experts whole, not cut over ${tp} devices`];
}

function hosted({ name, layer, mesh, kernels }: Plan): HostedKernel {
  const buckets = [...new Set(kernels.map(({ tiles }) => tiles.upTo))].sort((a, b) => a - b);
  const predicted = kernels.some((kernel) => kernel.predicted !== undefined);
  return { name, layer, mesh, buckets, ...(predicted ? { predicted } : {}) };
}

function refusal(tree: Tree, path: string, reasons: readonly string[]): IntoError {
  const hosts = tree.hosts.map(({ title }) => title).join(", ");
  return new IntoError(
    "refused-spec",
    `${path} cannot be built into ${tree.title}; nothing was written\n  ${reasons.join("\n  ")}`,
    `this tree serves ${hosts}; \`moegen build ${path}\` without --into makes the kernel alone`,
  );
}
