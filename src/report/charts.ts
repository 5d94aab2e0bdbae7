/** The charts as vega-lite specs. They are as wide as their place; colours of text come from the page. */
import { SLOTS } from "../profile/slots.ts";
import type { Heatmap, SpecReport, WinnerProfile } from "./data.ts";

/** A vega-lite spec is plain JSON; the page's script compiles it. */
export type ChartSpec = Readonly<Record<string, unknown>>;

export interface Chart {
  readonly title: string;
  /** Read to those who do not see it. */
  readonly description: string;
  readonly spec: ChartSpec;
  /** Takes the whole width of the page. */
  readonly wide?: boolean;
}

const quantitative = (field: string, title: string, rest: ChartSpec = {}): ChartSpec => ({
  field,
  type: "quantitative",
  title,
  ...rest,
});
const nominal = (field: string, title: string, rest: ChartSpec = {}): ChartSpec => ({
  field,
  type: "nominal",
  title,
  ...rest,
});

/** As high as its rows need: vega-lite's own steps do not go with a width that is the page's. */
function rowsHeight<Row>(values: readonly Row[], field: keyof Row, step: number): number {
  return new Set(values.map((value) => value[field])).size * step;
}

const base = (values: readonly unknown[], height: number): ChartSpec => ({
  data: { values },
  width: "container",
  height,
  autosize: { type: "fit-x", contains: "padding", resize: true },
});

/** Tiles this much slower than the best have the darkest cells at least. */
const DARKEST = 1.2;

function heatmap({ bucket, device, tokens, rows }: Heatmap): Chart {
  const slowest = Math.max(DARKEST, ...rows.map(({ ratio }) => ratio ?? 1));
  const columnTitle = rows.some(({ columns }) => columns.includes("·")) ? "bf · bd" : "bf";
  const encoding = {
    x: { ...nominal("columns", columnTitle), sort: null, axis: { labelAngle: 0 } },
    y: { field: "bt", type: "ordinal", title: "bt", sort: "descending" },
    tooltip: [
      nominal("tiles", "tiles"),
      quantitative("time", "time, us", { format: ".1f" }),
      nominal("outcome", "outcome"),
    ],
  };
  return {
    title: `${bucket}, ${device}, T ${tokens}`,
    description: `Predicted time by tile on ${device}; 1 is the best.`,
    spec: {
      ...base(rows, rowsHeight(rows, "bt", 34)),
      encoding,
      layer: [
        {
          transform: [{ filter: "datum.ratio !== null" }],
          mark: { type: "rect" },
          encoding: {
            color: quantitative("ratio", "time over best", {
              scale: { scheme: "viridis", reverse: true, domain: [1, slowest] },
              legend: { orient: "bottom", format: ".2f" },
            }),
          },
        },
        {
          transform: [{ filter: "datum.ratio === null" }],
          mark: { type: "rect", fill: "transparent", stroke: "#888", strokeDash: [3, 3] },
        },
        {
          transform: [{ filter: "datum.ratio === null" }],
          mark: { type: "text", fontSize: 10 },
          encoding: { text: { field: "outcome" } },
        },
        {
          transform: [{ filter: "datum.ratio !== null" }],
          mark: { type: "text", fontSize: 11 },
          encoding: {
            text: { field: "ratio", format: ".2f" },
            // Dark cells are the slow ones: the scale is reversed.
            color: {
              condition: { test: `datum.ratio > ${(1 + slowest) / 2}`, value: "#fff" },
              value: "#111",
            },
          },
        },
      ],
      resolve: { scale: { color: "independent" } },
    },
  };
}

function timeAgainstTokens({ times }: SpecReport): Chart {
  const lines = times.flatMap(({ device, tokens, time, floor, bucket, tiles }) => [
    { device, tokens, us: time, what: "predicted", bucket, tiles },
    { device, tokens, us: floor, what: "floor", bucket, tiles },
  ]);
  return {
    title: "Best time against tokens, with the floor",
    description:
      "Predicted microseconds of the best tiles of each bucket, and the least any takes.",
    wide: true,
    spec: {
      ...base(lines, 280),
      mark: { type: "line", point: { size: 60 } },
      encoding: {
        shape: nominal("what", "", { legend: { orient: "bottom" }, sort: ["predicted"] }),
        x: quantitative("tokens", "tokens, all devices", { scale: { type: "log", base: 2 } }),
        y: quantitative("us", "us a call", { scale: { zero: true } }),
        color: nominal("device", "device", { legend: { orient: "bottom" } }),
        strokeDash: nominal("what", "", { legend: { orient: "bottom" }, sort: ["predicted"] }),
        detail: { field: "what" },
        tooltip: [
          nominal("device", "device"),
          nominal("what", "what"),
          quantitative("us", "us", { format: ".1f" }),
          nominal("bucket", "bucket"),
          nominal("tiles", "tiles"),
        ],
      },
    },
  };
}

function fitFrontier({ fits }: SpecReport): Chart {
  const slowest = Math.max(0, ...fits.map(({ time }) => time ?? 0));
  const values = fits.map((fit) => ({ ...fit, shown: fit.time ?? slowest * 1.1 }));
  return {
    title: "What fits VMEM",
    description: "Planned VMEM of each candidate against its time; the rule is what a device has.",
    wide: true,
    spec: {
      ...base(values, 280),
      layer: [
        {
          mark: { type: "point", filled: true, size: 70, opacity: 0.8 },
          encoding: {
            x: quantitative("planned", "planned VMEM, MiB", { scale: { zero: true } }),
            y: quantitative("shown", "us a call; dropped ones on top", { scale: { zero: true } }),
            color: nominal("device", "device", { legend: { orient: "bottom" } }),
            shape: nominal("outcome", "", {
              legend: { orient: "bottom" },
              scale: {
                domain: ["fits", "does not fit", "failed"],
                range: ["circle", "cross", "triangle-up"],
              },
            }),
            tooltip: [
              nominal("tiles", "tiles"),
              nominal("bucket", "bucket"),
              nominal("device", "device"),
              quantitative("planned", "MiB", { format: ".1f" }),
              quantitative("available", "of MiB", { format: ".1f" }),
              nominal("outcome", "outcome"),
            ],
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 4] },
          encoding: {
            x: { aggregate: "max", field: "available", type: "quantitative" },
            color: { field: "device", type: "nominal" },
          },
        },
      ],
    },
  };
}

function failuresByKind({ failures }: SpecReport): Chart {
  return {
    title: "Dropped candidates by kind",
    description: "How many candidates were dropped, why and where.",
    spec: {
      ...base(failures, rowsHeight(failures, "kind", 34)),
      mark: { type: "bar" },
      encoding: {
        x: quantitative("count", "candidates", { axis: { tickMinStep: 1 } }),
        y: nominal("kind", "", { sort: "-x" }),
        color: nominal("stage", "dropped at", { legend: { orient: "bottom" } }),
        tooltip: [nominal("kind", "kind"), nominal("stage", "at"), quantitative("count", "count")],
      },
    },
  };
}

function stageProfile({ bucket, device, tokens, tiles, rows }: WinnerProfile): Chart {
  return {
    title: `Cycles by stage: ${bucket}, ${device}, T ${tokens}`,
    description: `Cycles of the winner (${tiles}) by stage, coloured by the slot that bounds it.`,
    spec: {
      ...base(rows, rowsHeight(rows, "stage", 20)),
      mark: { type: "bar" },
      encoding: {
        x: quantitative("cycles", "cycles a call", { axis: { format: "~s", tickCount: 4 } }),
        y: nominal("stage", "", { sort: null }),
        // A slot has one colour in all charts.
        color: nominal("slot", "bound by", {
          scale: { domain: [...SLOTS, "unknown"] },
          legend: { orient: "bottom", columns: 3, values: [...new Set(rows.map((r) => r.slot))] },
        }),
        tooltip: [
          nominal("stage", "stage"),
          quantitative("cycles", "cycles", { format: ",.0f" }),
          nominal("slot", "bound by"),
          quantitative("distance", "times its bound", { format: ".2f" }),
        ],
      },
    },
  };
}

export interface ChartGroup {
  readonly heading: string;
  readonly charts: readonly Chart[];
}

/** Vega-Lite charts of one spec under their headings; a heading without data is left out. */
export function chartsOf(report: SpecReport): readonly ChartGroup[] {
  const measured = report.winners.length > 0;
  return [
    { heading: "Tiles", charts: report.heatmaps.map(heatmap) },
    ...(measured ? [{ heading: "Time", charts: [timeAgainstTokens(report)] }] : []),
    ...(report.fits.length > 0 ? [{ heading: "Memory", charts: [fitFrontier(report)] }] : []),
    ...(report.failures.length > 0
      ? [{ heading: "Failures", charts: [failuresByKind(report)] }]
      : []),
    ...(measured
      ? [{ heading: "Winners by stage", charts: report.winners.map(stageProfile) }]
      : []),
  ];
}
