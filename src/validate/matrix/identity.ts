/** Identity experts in rows of the matrix. */
import type { LayerSpec } from "../../spec/layer.ts";
import { copiesOf, type Row } from "./fields.ts";

/** Ids that no expert has: a number that fills nothing. */
const IDENTITY = 5;

/** Identity experts in the rows that may have them: nothing is drawn anew. */
export function identityOf(row: Row): Pick<LayerSpec, "identityExperts"> {
  const may =
    row.rows === "vmem" &&
    row.wire === "none" &&
    row.activations === "none" &&
    row.groups === "none" &&
    (row.tiles === "resident" || row.hidden % 128 === 0) &&
    row.deterministic === "no" &&
    copiesOf(row) === 0;
  return may ? { identityExperts: IDENTITY } : {};
}
