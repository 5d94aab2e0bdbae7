/** `profile` as people read it: stages with a bar each, then what each takes of the slots. */
import { trafficSeconds } from "../../profile/estimate.ts";
import type { KernelProfile, StageProfile } from "../../profile/profile.ts";
import type { ProfiledTarget } from "../../profile/run.ts";
import { SLOT_MEANING, SLOTS, type Slot } from "../../profile/slots.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { bytes, count, table } from "../format.ts";
import type { Output, Paint } from "../output.ts";

const BAR = 24;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

const SHORT: Readonly<Record<Slot, string>> = {
  matrix_issue: "mxu issue",
  matrix_multiply: "mxu rows",
  pop: "pop",
  vector_alu: "alu",
  eup: "eup",
  xlu: "xlu",
  load: "load",
  store: "store",
  scalar: "scalar",
};

function bar(share: number): string {
  const eighths = Math.round(share * BAR * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;

/** Seconds as microseconds, with a digit behind the point below 100. */
export function microseconds(seconds: number): string {
  const value = seconds * 1e6;
  return `${value.toFixed(value < 100 ? 1 : 0)} us`;
}

function stageRow(stage: StageProfile, total: number): readonly string[] {
  const { bound, distance } = stage;
  const share = total > 0 ? stage.cycles / total : 0;
  return [
    stage.stage === "" ? "(between stages)" : stage.stage,
    stage.stage === "" ? "" : count(stage.runs),
    count(stage.bundles),
    count(stage.cycles),
    percent(share),
    bound === null ? "-" : SHORT[bound.slot],
    distance === null ? "-" : `${distance.toFixed(2)}x`,
    stage.spills + stage.fills > 0 ? count(stage.spills + stage.fills) : "",
    bar(share),
  ];
}

/** Stages of one kernel: bundles x trips, the bounding slot and how far from its least cycles. */
export function stageTable({ stages, total }: KernelProfile): readonly string[] {
  const shown = stages.filter(({ bundles }) => bundles > 0);
  const right = { align: "right" } as const;
  return table(
    [
      { title: "stage" },
      { title: "runs", ...right },
      { title: "bundles", ...right },
      { title: "cycles", ...right },
      { title: "share", ...right },
      { title: "bound by" },
      { title: "of bound", ...right },
      { title: "spills", ...right },
      { title: "" },
    ],
    [
      ...shown.map((stage) => stageRow(stage, total.cycles)),
      stageRow({ ...total, stage: "all" }, total.cycles).map((cell, i) => (i === 1 ? "" : cell)),
    ],
  );
}

/** Percent of each slot's capacity in the cycles of each stage that runs. */
export function slotTable({ stages, total }: KernelProfile): readonly string[] {
  const rows = [...stages, { ...total, stage: "all" }].filter(
    ({ cycles, slots }) => cycles > 0 && slots.length > 0,
  );
  return table(
    [
      { title: "slot use, %" },
      ...SLOTS.map((slot) => ({ title: SHORT[slot], align: "right" }) as const),
      { title: "delay", align: "right" },
    ],
    rows.map(({ stage, cycles, slots, delay }) => [
      stage === "" ? "(between stages)" : stage,
      ...SLOTS.map((slot) => {
        const bound = slots.find((use) => use.slot === slot)?.bound ?? 0;
        return bound === 0 ? "·" : `${Math.round((100 * bound) / cycles)}`;
      }),
      delay > 0 ? count(delay) : "·",
    ]),
  );
}

function timeLine({ kernel, estimate }: ProfiledTarget): string {
  if (estimate === null) return "";
  const floors = trafficSeconds(kernel, deviceOf(kernel.device));
  const parts = [
    `cycles ${microseconds(estimate.compute)}`,
    `HBM ${microseconds(floors.hbm)}`,
    `ICI ${microseconds(floors.ici)}`,
    `matrix units ${microseconds(floors.matrix)}`,
  ];
  return `  ${parts.join(" · ")}   predicted ${microseconds(estimate.seconds)}, bound by ${estimate.boundBy}; floor ${microseconds(estimate.floor)}`;
}

/**
 * One device and token count: tables of stages and slots, and the time; where it did not compile,
 * why.
 */
export function targetPage(profiled: ProfiledTarget, paint: Paint): readonly string[] {
  const { target, profile } = profiled;
  const { device, tokens, bundles, codeBytes, failure } = target;
  const head = `${paint.bold(`${device}  T ${count(tokens)}`)}  bucket ${target.bucket}`;
  if (profile === null) {
    const why = failure?.message ?? "the compiler dumped no schedule";
    return [head, ...why.split("\n").map((line) => `    ${paint.red(line)}`)];
  }
  const code = codeBytes === null ? "" : `, ${bytes(codeBytes)} of code`;
  const unknown = profile.unknownTrips.filter((stage) => stage !== "");
  return [
    `${head}  ${count(bundles?.total ?? 0)} bundles${code}`,
    ...stageTable(profile),
    "",
    ...slotTable(profile),
    timeLine(profiled),
    ...(unknown.length > 0
      ? [`  trips unknown, counted once an entry: a loop in ${unknown.join(", ")}`]
      : []),
  ];
}

/** What the columns mean, once under all tables. */
export function legend(paint: Paint): readonly string[] {
  const slots = SLOTS.map((slot) => `${SHORT[slot]}: ${SLOT_MEANING[slot]}`);
  return [
    "cycles: final bundles x trips of one call on one device, uniform routing, waits for copies apart",
    "of bound: cycles over the least that the bounding slot needs; spills: registers written and read back",
    slots.join("; "),
  ].map((line) => paint.dim(line));
}

/** Writes a title, then a page a target as each is done. */
export function profileReport(name: string, out: Output) {
  return {
    start(): void {
      out.line(`profile ${out.paint.bold(name)}`);
    },
    page(profiled: ProfiledTarget): void {
      out.settle();
      for (const line of targetPage(profiled, out.paint)) out.line(line);
      out.line();
    },
  };
}
