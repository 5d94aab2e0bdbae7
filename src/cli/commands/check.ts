import { layerOrigin } from "../../dsl/brand.ts";
import { indicesText } from "../../spec/layers.ts";
import { defineCommand, verdict } from "../command.ts";
import { bytesOf, plural, table } from "../format.ts";
import type { Output } from "../output.ts";
import { type CheckedSpec, checkSpecs } from "../specs.ts";

/** `moegen check`: every rule, no file written, no Python started. */
export const check = defineCommand({
  name: "check",
  summary: "check specs against every rule, and show what fits where",
  examples: ["moegen check my-model.moe.ts", "moegen check examples/*.moe.ts --json"],
  configure: (command) => command.argument("<specs...>", "spec files, *.moe.ts"),
  async run(paths, _options, out) {
    const checked = await checkSpecs(paths, out);
    for (const spec of checked.specs) report(spec, out);
    for (const model of checked.layers) {
      out.line(`${out.paint.green("✓")} ${out.paint.bold(model.name)}  ${model.path}`);
      for (const kind of model.kinds) reportKind(kind, out);
    }
    const count = checked.specs.length + checked.layers.length;
    const first = checked.specs[0] ?? checked.layers[0];
    if (checked.ok && first) {
      out.line(`${plural(count, "spec")} without error`);
      out.line(`next: moegen build ${first.path}`);
    }
    const layers = checked.layers.map(({ path, name, kinds }) => ({
      path,
      name,
      kinds: kinds.map((one) => ({ kind: one.kind.kind, layers: atOf(one), ...resultsOf(one) })),
    }));
    return verdict(checked.ok, {
      specs: checked.specs.map((one) => ({
        path: one.path,
        name: one.plan.name,
        ...resultsOf(one),
      })),
      ...(layers.length === 0 ? {} : { layers }),
      diagnostics: checked.diagnostics,
    });
  },
});

function resultsOf({ loaded, plan }: CheckedSpec) {
  const kernels = plan.kernels.map(({ bucket, device, tiles, vmem, smem }) => ({
    bucket,
    device,
    tiles,
    vmem,
    smem,
  }));
  return { notes: notesOf(loaded), kernels };
}

const atOf = ({ kind }: CheckedSpec): readonly number[] =>
  kind?.kinds.find((one) => one.kind === kind.kind)?.at ?? [];

/** What the model that the layer is of needs around it; none where the layer is written out. */
const notesOf = ({ spec }: CheckedSpec["loaded"]): readonly string[] =>
  layerOrigin(spec.layer)?.notes ?? [];

function report(spec: CheckedSpec, out: Output): void {
  out.line(`${out.paint.green("✓")} ${out.paint.bold(spec.plan.name)}  ${spec.path}`);
  reportKernels(spec, out);
}

function reportKind(spec: CheckedSpec, out: Output): void {
  out.line(`${out.paint.bold(spec.kind?.kind ?? "")}, layers ${indicesText(atOf(spec))}`);
  reportKernels(spec, out);
}

function reportKernels({ loaded, plan }: CheckedSpec, out: Output): void {
  const rows = plan.kernels.map(({ bucket, device, tiles, vmem }) => [
    bucket,
    device,
    `T <= ${tiles.upTo}`,
    `bt ${tiles.bt}, bf ${tiles.bf}, bd ${tiles.bd}, ${tiles.slots} slots`,
    bytesOf(vmem.used, vmem.available),
  ]);
  const columns = ["bucket", "device", "tokens", "tiles", "VMEM"].map((title) => ({ title }));
  for (const line of table(columns, rows)) out.line(line);
  for (const note of notesOf(loaded)) out.line(`  note: ${note}`);
  out.line();
}
