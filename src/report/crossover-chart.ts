/** Time against T as a picture: a vega-lite chart, drawn to SVG without a browser. */
import type { ChartSpec } from "./charts.ts";

export interface ChartTime {
  readonly device: string;
  readonly tokens: number;
  /** A schedule, EPMoE or the floor. */
  readonly what: string;
  readonly us: number;
}

const WIDTH = 480;
const HEIGHT = 320;

/** One panel a device; the floor is dashed. */
export function crossoverChart(title: string, times: readonly ChartTime[]): ChartSpec {
  const axis = (field: string, name: string, scale: ChartSpec): ChartSpec => ({
    ...{ field, type: "quantitative", title: name, scale },
  });
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title,
    background: "white",
    data: { values: times },
    facet: { column: { field: "device", type: "nominal", title: null } },
    spec: {
      width: WIDTH,
      height: HEIGHT,
      mark: { type: "line", point: true },
      encoding: {
        x: axis("tokens", "tokens, all devices", { type: "log", base: 2 }),
        y: axis("us", "us a call", { type: "log" }),
        color: { field: "what", type: "nominal", title: null, sort: null },
        strokeDash: {
          condition: { test: "datum.what === 'floor'", value: [4, 4] },
          value: [1, 0],
        },
      },
    },
  };
}

/** The picture of a chart. */
export async function svgOf(chart: ChartSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")]);
  const { spec } = vegaLite.compile(chart as unknown as Parameters<typeof vegaLite.compile>[0]);
  return new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
}
