import { layerOrigin } from "../../dsl/brand.ts";
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
    const first = checked.specs[0];
    if (checked.ok && first) {
      out.line(`${plural(checked.specs.length, "spec")} without error`);
      out.line(`next: moegen build ${first.path}`);
    }
    return verdict(checked.ok, {
      specs: checked.specs.map(({ path, loaded, plan }) => ({
        path,
        name: plan.name,
        notes: notesOf(loaded),
        kernels: plan.kernels.map(({ bucket, device, tiles, vmem, smem }) => ({
          bucket,
          device,
          tiles,
          vmem,
          smem,
        })),
      })),
      diagnostics: checked.diagnostics,
    });
  },
});

/** What the model that the layer is of needs around it; none where the layer is written out. */
const notesOf = ({ spec }: CheckedSpec["loaded"]): readonly string[] =>
  layerOrigin(spec.layer)?.notes ?? [];

function report({ path, loaded, plan }: CheckedSpec, out: Output): void {
  out.line(`${out.paint.green("✓")} ${out.paint.bold(plan.name)}  ${path}`);
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
