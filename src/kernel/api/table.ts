/** The tile table of a kernel made of these parts: its fields, and what a caller's own must keep. */
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import type { TileField, TileRule, TileTable } from "../../schedule/schedule.ts";
import { axisRule, cuts, cutsHidden, rowMultiple } from "../feed-forward/rules.ts";
import { axisUnit, fillsLanes, type Layer, paddedHidden } from "../rows/layout.ts";
import { isTiled, leavesSlots, planShared, type Shared } from "../shared-experts/spread.ts";

/** The rule of one axis as the checker has it, in Python and in words. */
function weightRule(layer: Layer, axis: "bf" | "bd", kernels: Plan["kernels"]): TileRule {
  const size = axis === "bf" ? layer.intermediate : layer.hidden;
  const rule = (python: string, text: string): TileRule => ({ name: axis, python, text });
  const whole = rule(`self.${axis} == ${size}`, `${size}, the whole axis`);
  // Where no bucket cuts the hidden axis, what of it comes in several tiles is not added up.
  if (!isStreamed(kernels) || (axis === "bd" && !cutsHidden(layer, kernels))) return whole;
  const { legal } = axisRule(layer, axis);
  const [least = size] = legal;
  if (least === size) return whole;
  const unit = axisUnit(layer, axis, size);
  const all = cuts(size, unit);
  const divides = `${size} % self.${axis} == 0 and self.${axis} % ${unit} == 0`;
  const text = `a multiple of ${unit} that divides ${size}`;
  if (legal.length === all.length) return rule(`self.${axis} > 0 and ${divides}`, text);
  if (legal.length === all.filter((tile) => tile >= least).length) {
    return rule(`self.${axis} >= ${least} and ${divides}`, `${text}, at least ${least}`);
  }
  // Only hidden tiles that are padded one by one leave out others than the least.
  const room = `pads to at most ${paddedHidden(layer)} columns in all`;
  return rule(`self.${axis} in (${legal.join(", ")})`, `${text} and ${room}`);
}

function int(name: string, meaning: string): TileField {
  return { name, type: "int", meaning };
}

/** Rows, weight tiles and their slots. */
export function weightTiles({ layer, kernels }: Plan): TileTable {
  const { intermediate, hidden } = layer;
  const rows = rowMultiple(layer);
  const bodies = "row counts that have a feed-forward body, ascending; the last is bt";
  return {
    fields: [
      int("bt", "rows of one expert multiplied at once"),
      int("bf", `columns of the intermediate axis in one weight tile; divides ${intermediate}`),
      int("bd", `columns of the hidden axis in one weight tile; divides ${hidden}`),
      { name: "btc", type: "tuple[int, ...]", meaning: bodies },
      int("slots", "weight tiles in VMEM at once"),
    ],
    rules: [
      {
        name: "bt",
        python: `self.bt > 0 and self.bt % ${rows} == 0`,
        text: `a positive multiple of ${rows}`,
      },
      weightRule(layer, "bf", kernels),
      weightRule(layer, "bd", kernels),
      {
        name: "btc",
        python:
          `all(rows % ${rows} == 0 for rows in self.btc)` +
          " and list(self.btc) == sorted(set(self.btc))" +
          " and self.btc[-1:] == (self.bt,)",
        text: `ascending multiples of ${rows} that end in bt`,
      },
      { name: "slots", python: "self.slots >= 2", text: "at least 2" },
    ],
  };
}

/** Tiles of the shared experts' columns; nothing where a kernel has none. */
export function sharedTile(plan: Plan): TileTable {
  const streamed = isStreamed(plan.kernels);
  const shared = planShared(plan);
  if (shared === undefined || !isTiled(shared, streamed)) return { fields: [], rules: [] };
  const { columns, unit } = shared;
  const meaning = `columns of the shared experts in one weight tile; divides ${columns}`;
  return {
    fields: [int("shared_tile", meaning)],
    rules: [
      {
        name: "shared_tile",
        python:
          `self.shared_tile > 0 and ${columns} % self.shared_tile == 0` +
          ` and self.shared_tile % ${unit} == 0 and self.shared_tile <= self.bf`,
        text: `a multiple of ${unit} that divides ${columns}, at most bf`,
      },
      ...slotsRule(shared, plan, streamed),
    ],
  };
}

/** Where all slots fill up with shared tiles before a routed one starts, there may be no more. */
function slotsRule(
  shared: Shared,
  { layer, kernels }: Plan,
  streamed: boolean,
): readonly TileRule[] {
  if (leavesSlots(shared, layer, kernels, streamed)) return [];
  // Down tiles are cut along columns where D fills lanes and weights stream.
  const cutDown = streamed && fillsLanes(layer.hidden);
  const tile = cutDown ? "self.shared_tile * self.bd" : "self.shared_tile";
  const all = `${shared.columns}${cutDown ? ` * ${layer.hidden}` : ""}`;
  return [
    {
      name: "slots",
      python: `(self.slots - 1) * ${tile} <= ${all}`,
      text: "at most one more than the shared experts' weight tiles",
    },
  ];
}

/** Several tables as one. */
export function joined(...tables: readonly TileTable[]): TileTable {
  return {
    fields: tables.flatMap(({ fields }) => fields),
    rules: tables.flatMap(({ rules }) => rules),
  };
}
