/** What the templates of the package say of a plan of this schedule. */
import { pyString, pyTuple } from "../../emit/python.ts";
import { argumentsContext } from "../../kernel/api/arguments.ts";
import { headerContext } from "../../kernel/api/context.ts";
import { type Context, contextOf } from "../../kernel/context.ts";
import type { KernelInput } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import { layoutOf } from "../../kernel/rows/layout.ts";
import { planShared } from "../../kernel/shared-experts/spread.ts";
import { isStreamed } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { defined } from "../../spec/defined.ts";
import { tokenRows } from "../../spec/formats.ts";
import { axesOf, devicesOf } from "../../spec/mesh.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { composition } from "./composition.ts";
import {
  LEAST_ROUND,
  MOST_ROUND,
  mostSummed,
  onDevice,
  PLACE_BITS,
  roundPercent,
  sizesOf,
} from "./sizes.ts";
import { sumComposition } from "./sums.ts";
import { asResults, wordsOf } from "./words.ts";

/** Arguments of the call as a kernel takes them that sends nothing itself. */
function callContext(plan: Plan): Context {
  const shared = planShared(plan);
  const { expertArrays: routed, ...all } = argumentsContext(plan, shared, false);
  const { lastArrays } = all;
  const expertArrays = `${String(routed)}${String(lastArrays)}`;
  const quantized = tokenRows(plan.layer) !== undefined;
  // Rows by expert, beside the weights; and those for the shared experts: of 8 bits with their scales.
  const rows = [
    ...["by_expert", ...(quantized ? ["scales"] : [])],
    ...(shared === undefined ? [] : ["token_rows", ...(quantized ? ["scales_of_tokens"] : [])]),
  ];
  const arrayCount = expertArrays.split(", ").length + rows.length;
  return { ...all, expertArrays, rowArrays: rows.join(", "), arrayCount };
}

/** Token rows that are sent, and held, as 8 bits. */
function rowsContext(layer: Plan["layer"]): Context {
  const rows = tokenRows(layer);
  return {
    quantizedRows: rows !== undefined,
    integerRows: rows === "int8",
    rowInfo: rows === "int8" ? "iinfo" : "finfo",
    /** Rows for the shared experts have scales. */
    sharedNarrow: rows !== undefined && layer.sharedExperts !== undefined,
    collected: ["tokens", ...(rows === undefined ? [] : ["token_scales"]), "weights", "ids"].join(
      ", ",
    ),
    rowDtype: rows ?? layer.dtype,
    /** Rows of one tile in HBM, by name. */
    heldGroup: rows === undefined ? "ROW_GROUP" : "NARROW_ROW_GROUP",
  };
}

/** Devices that share experts: how many, over which axes, and the layer's columns. */
function columnsContext({ layer, mesh: { axes, tp, tpAxes } }: Plan): Context {
  if (tp === undefined || tpAxes === undefined) return { cutColumns: false };
  return {
    ...{ cutColumns: true, tp, allColumns: layer.intermediate },
    expertAxes: pyTuple(axes.map(pyString)),
    columnAxes: pyTuple(tpAxes.map(pyString)),
  };
}

/**
 * What the templates of all parts are told, from the plan's first kernel and the kinds of all.
 * @throws RangeError for a plan without a kernel.
 */
export function gmmContext(plan: Plan): Context {
  const { mesh, kernels } = plan;
  const own = onDevice(plan);
  const { layer } = own;
  const [first] = kernels;
  if (first === undefined) throw new RangeError("the plan has no kernel");
  const { ep, tp, tokenAxes } = mesh;
  const alone = devicesOf(mesh) === 1;
  const tokenAxesName = tokenAxes.length < axesOf(mesh).length ? "TOKEN_ORDER" : "MESH_AXES";
  const input: KernelInput = {
    ...{ layer, ep, ...defined({ tp }), device: deviceOf(first.device) },
    layout: layoutOf(asResults(layer)),
    ...{ parts: 0, streamed: isStreamed(kernels), rows: "vmem", atOnce: 1, narrow: false },
    sizes: sizesOf(devicesOf(mesh), first.tokens),
    tiles: { ...first.tiles, early: 0, rowBlock: first.tiles.bt },
  };
  const words = wordsOf(layer);
  const summed = contextOf(sumComposition, own, input);
  const shared = layer.sharedExperts !== undefined;
  const percent = roundPercent(layer.experts, ep);
  return {
    ...contextOf(composition, own, input),
    ...headerContext(plan),
    ...callContext(plan),
    ...columnsContext(plan),
    // Where tokens are replicated each device has a share of them in between.
    tokenAxesName,
    collectsText: alone ? "" : ", gathers all devices' token rows",
    returnsText: alone
      ? ""
      : `, and gives each device its own tokens' sums (reduce-scatter in ${layer.dtype})`,
    roundPercent: percent,
    roundRoom:
      ep === 1
        ? "all rows"
        : `${percent === 200 ? "twice" : `${percent / 100} times`} the rows that a device has on average`,
    leastRound: LEAST_ROUND,
    mostRound: MOST_ROUND,
    placeBits: PLACE_BITS,
    sumBlock: mostSummed(layer),
    unroll: UNROLL,
    ...{ wordRow: words.row, wordTiles: words.tiles },
    rowParts: words.parts,
    word: input.layout.word,
    sumBuffers: summed.buffers,
    sumSemaphores: summed.semaphores,
    // Results, those of the shared experts, and the sums so far.
    sumArrays: shared ? 3 : 2,
    sumsAt: shared ? 6 : 5,
    resultsText: "sums             (rows, ROW_TILES * LANES) float32",
    sharedResults: "sums        ",
    operandDtype: layer.dtype,
    rowGroup: "ROW_GROUP",
    ...rowsContext(layer),
  };
}
