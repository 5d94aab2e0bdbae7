/** The report as one HTML page: data, charts and the libraries that draw them, nothing to fetch. */
import { readFileSync } from "node:fs";
import type { SweepRecord } from "../sweep/record.ts";
import { type Chart, chartsOf } from "./charts.ts";
import { reportsOf, type SpecReport } from "./data.ts";

/** The browser builds lie beside the modules that the packages export. */
function library(name: "vega" | "vega-lite"): string {
  const text = readFileSync(new URL(`./${name}.min.js`, import.meta.resolve(name)), "utf8");
  return text.replaceAll("</script", "<\\/script");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text for an element's content or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}

/** JSON that no HTML parser can end early. */
function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #59636e; --back: #ffffff; --card: #f6f8fa; --line: #d1d9e0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9198a1; --back: #0d1117; --card: #151b23; --line: #3d444d; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0.5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0 0 0.5rem; } p { margin: 0.25rem 0; } .soft { color: var(--soft); }
.charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
figure { margin: 0; padding: 0.75rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; min-width: 0; } figure.wide { grid-column: 1 / -1; }
.chart { width: 100%; overflow: hidden; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.6rem; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.number, th.number { text-align: right; }
`;

/** Draws every chart, and again when the page turns dark or light. */
const SCRIPT = `
const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
let views = [];
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function draw() {
  for (const view of views) view.finalize();
  const [text, line] = [color("--text"), color("--line")];
  const labels = { labelColor: text, titleColor: text };
  const config = {
    background: "transparent", view: { stroke: "transparent" },
    axis: { ...labels, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal" },
    legend: { ...labels, titleFontWeight: "normal", symbolBaseFillColor: text, symbolBaseStrokeColor: text },
    text: { color: text }, range: { category: { scheme: dark.matches ? "set2" : "tableau10" } },
  };
  views = charts.map((spec, index) => {
    const compiled = vegaLite.compile(spec, { config }).spec;
    const view = new vega.View(vega.parse(compiled), {
      renderer: "svg", container: document.getElementById("chart-" + index), hover: true,
    });
    view.runAsync();
    return view;
  });
  return Promise.all(views.map((view) => view.runAsync()));
}
const drawn = () => document.documentElement.setAttribute("data-drawn", String(views.length));
draw().then(drawn);
dark.addEventListener("change", () => draw().then(drawn));
`;

const micro = (value: number): string => (value * 1e6).toFixed(1);

function winnersTable({ winners }: SpecReport): string {
  if (winners.length === 0) return "<p>No candidate was measured.</p>";
  const timed = winners.some(({ record }) => record.deviceTime);
  const predicted = ["bucket", "device", "tiles", "us", "of floor", "bound by", "cycles"];
  const head = [...predicted, ...(timed ? ["us on a TPU"] : [])];
  const rows = winners.map(
    ({ bucket, device, tiles, record: { estimate, cycles, deviceTime } }) => [
      bucket,
      device,
      tiles,
      micro(estimate.seconds),
      `${(estimate.seconds / estimate.floor).toFixed(2)}x`,
      estimate.boundBy,
      Math.round(cycles).toLocaleString("en-US"),
      ...(timed ? [deviceTime ? micro(deviceTime.median) : ""] : []),
    ],
  );
  const numeric = new Set([3, 4, 6, 7]);
  const cell = (tag: "th" | "td", text: string, column: number): string =>
    `<${tag}${numeric.has(column) ? ' class="number"' : ""}>${escapeHtml(text)}</${tag}>`;
  const line = (tag: "th" | "td", cells: readonly string[]): string =>
    `<tr>${cells.map((text, column) => cell(tag, text, column)).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${line("th", head)}</thead><tbody>${rows
    .map((row) => line("td", row))
    .join("")}</tbody></table></div>`;
}

function droppedList({ dropped }: SpecReport): string {
  if (dropped.length === 0) return "";
  const items = dropped.map(({ bucket, device, tiles, stage, kind, reason }) => {
    const where = `${bucket} ${device} bt ${tiles.bt} bf ${tiles.bf} bd ${tiles.bd}`;
    return `<li>${escapeHtml(`${where}: ${stage}/${kind}: ${reason.split("\n")[0]}`)}</li>`;
  });
  return `<details><summary>${dropped.length} dropped candidates</summary><ul>${items.join("")}</ul></details>`;
}

function sourceOfTimes(records: readonly SweepRecord[]): string {
  const timed = records.some((record) => record.status === "ok" && record.deviceTime);
  const how = "Times are predicted from the TPU compiler's schedule";
  return timed
    ? `${how}; of finalists that took turns on a TPU the device time decides, and stands beside it.`
    : `${how}; no TPU was used.`;
}

/** A whole page; the same store gives the same bytes. */
export function reportPage(records: readonly SweepRecord[]): string {
  const charts: Chart[] = [];
  const figure = (chart: Chart): string => {
    const id = charts.push(chart) - 1;
    const wide = chart.wide === true ? ' class="wide"' : "";
    return `<figure${wide}><h3>${escapeHtml(chart.title)}</h3><div class="chart" id="chart-${id}" role="img" aria-label="${escapeHtml(chart.description)}"></div></figure>`;
  };
  const sections = reportsOf(records).map((report) => {
    const groups = chartsOf(report).map(
      ({ heading, charts: members }) =>
        `<h2>${escapeHtml(heading)}</h2><div class="charts">${members.map(figure).join("")}</div>`,
    );
    const from = `${report.candidates} candidates · ${report.versions.join("; ")}`;
    return `<section><h1>${escapeHtml(report.name)}</h1><p class="soft">${escapeHtml(from)}</p>${winnersTable(report)}${groups.join("")}${droppedList(report)}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:">
<title>moegen sweep: ${escapeHtml(
    reportsOf(records)
      .map(({ name }) => name)
      .join(", "),
  )}</title>
<style>${STYLE}</style>
</head>
<body>
<p class="soft">${sourceOfTimes(records)}</p>
${sections.join("\n")}
<script type="application/json" id="charts">${inlineJson(charts.map(({ spec }) => spec))}</script>
<script>${library("vega")}</script>
<script>${library("vega-lite")}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
