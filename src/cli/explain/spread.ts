/** How experts and their columns are spread over the devices. */
import type { Plan } from "../../plan/plan.ts";
import { heldExperts, leastLocalExperts } from "../../spec/formats.ts";
import { plural } from "../format.ts";

/** What fills up the last devices; nothing where `ep` divides the experts. */
function filledUp({ layer, mesh }: Plan): string {
  const held = heldExperts(layer);
  if (held === layer.experts) return "";
  const fewest = leastLocalExperts(layer, mesh.ep);
  return `, the last ${held - layer.experts} of ${held} of zero weights; the last device has ${fewest} that tokens go to`;
}

/** How experts' columns are cut; nothing where they are whole. */
function columnLines({ layer, mesh: { tp, tpAxes } }: Plan): readonly string[] {
  if (tp === undefined || tpAxes === undefined) return [];
  return [
    `  tp ${tp} over (${tpAxes.join(", ")}): ${layer.intermediate / tp} of each expert's ${layer.intermediate} columns a device`,
  ];
}

/** Experts of a device, and its columns of each. */
export function spreadLines(plan: Plan): readonly string[] {
  const { ep, axes } = plan.mesh;
  return [
    `  ep ${ep} over (${axes.join(", ")}): ${plural(plan.localExperts, "expert")} a device${filledUp(plan)}`,
    ...columnLines(plan),
  ];
}
