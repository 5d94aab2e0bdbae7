/** Quantised weights against the layer. */
import { BLOCK, scaleBlock } from "../../dsl/quantization.ts";
import { sharedSize } from "../../emit/weights.ts";
import { nearestOf } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

/** A block of scales lies in whole registers, and none is cut off at the end of a contraction. */
export const scaleBlocksFit: Rule = ({ spec, sound }) => {
  const quantization = spec.layer?.quantization;
  if (quantization === undefined || !sound("layer")) return [];
  const block = scaleBlock(quantization);
  if (block === undefined) return [];
  const { hidden, intermediate } = spec.layer;
  const shared = sharedSize(spec.layer);
  const sizes = [hidden, intermediate, ...(shared === 0 ? [] : [shared])];
  const fits = (size: number): boolean => sizes.every((all) => all % size === 0);
  if (block % BLOCK === 0 && fits(block)) return [];
  const legal: number[] = [];
  for (let size = BLOCK; size <= Math.min(...sizes); size += BLOCK)
    if (fits(size)) legal.push(size);
  const blocks = quantization.granularity === "blocks_128x128";
  const named = shared === 0 ? "" : ` and the shared experts' ${shared}`;
  return [
    error({
      code: "MOE125",
      path: ["layer", "quantization", "granularity", ...(blocks ? [] : ["block"])],
      message:
        block % BLOCK === 0
          ? `scales of ${block} do not divide D = ${hidden}, F = ${intermediate}${named}`
          : `block = ${block} is not a multiple of ${BLOCK}`,
      nearest: blocks ? [] : nearestOf(legal, block),
    }),
  ];
};

/** Float32 rows ask for an exactness that 8-bit weights do not have. */
export const quantizedRowsAreBfloat16: Rule = ({ spec, sound }) => {
  if (spec.layer?.quantization === undefined || !sound("layer")) return [];
  const { dtype } = spec.layer;
  if (dtype === "bfloat16") return [];
  return [
    error({
      code: "MOE126",
      path: ["layer", "dtype"],
      message: `dtype = "${dtype}" with quantised weights`,
      nearest: ["bfloat16"],
    }),
  ];
};
