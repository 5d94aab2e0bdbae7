/** Identity experts in rows of the matrix. */
import type { Schedule } from "../../schedule/schedule.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { copiesOf, type Row } from "./fields.ts";

/** Ids that no expert has: a number that fills nothing. */
const IDENTITY = 5;

/** A row's layer, with identity experts where they may be: nothing is drawn anew. */
export function withIdentity(row: Row, layer: LayerSpec, schedule: Schedule): LayerSpec {
  const may =
    row.rows === "vmem" &&
    row.wire === "none" &&
    row.activations === "none" &&
    row.groups === "none" &&
    (row.tiles === "resident" || row.hidden % 128 === 0) &&
    row.deterministic === "no" &&
    copiesOf(row) === 0;
  if (!may) return layer;
  const having = { ...layer, identityExperts: IDENTITY };
  return schedule.layerProblems(having).length === 0 ? having : layer;
}
