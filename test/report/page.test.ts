import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../src/house/browser.mjs";
import { reportPage } from "../../src/report/page.ts";
import type { SweepRecord } from "../../src/sweep/record.ts";
import { Store } from "../../src/sweep/store.ts";
import { emptyFolder, moegen, onlyObject } from "../cli/moegen.ts";
import { dropped, measured } from "../sweep/records.ts";

const records: readonly SweepRecord[] = [
  ...[200, 190, 230].map((us, i) => measured(us, { bt: 64 * (i + 1) })),
  measured(260, { bf: 384 }),
  dropped("vmem", { bt: 512 }),
  dropped("illegal", { bt: 100 }),
  dropped("crash", { bt: 256, device: "v7x" }),
  ...[300, 310].map((us, i) => measured(us, { bt: 64 * (i + 1), device: "v7x" })),
  ...[700, 650].map((us, i) => measured(us, { bt: 64 * (i + 1), bucket: "prefill", tokens: 2048 })),
];
const page = reportPage(records);
/** Three heatmaps, time, memory, failures, three winners. */
const CHARTS = 9;

describe("the report page", () => {
  it("fetches nothing and is the same for the same store", () => {
    const own = page.replace(/<script>[\s\S]*?<\/script>/g, "");
    expect(own).not.toMatch(/(?:src|href)=|url\(|@import/);
    expect(page).toContain("default-src 'none'");
    expect(reportPage(records)).toBe(page);
  });

  it("shows what a record says as text", () => {
    expect(page).toContain("&lt;b&gt;crash&lt;/b&gt; &amp; why");
    expect(page).not.toContain("<b>crash");
  });

  it("says which times are of a TPU, where there are any", () => {
    expect(page).toContain("no TPU was used");
    const deviceTime = {
      median: 187.5e-6,
      quartiles: [187e-6, 188e-6],
      run: "1",
      host: "h",
    } as const;
    const timed = reportPage([{ ...measured(190), deviceTime }, ...records.slice(3)]);
    expect(timed).not.toContain("no TPU was used");
    expect(timed).toContain('<td class="number">187.5</td>');
    expect(page).not.toContain("us on a TPU");
  });

  it("is written by the command; an empty store is said", async () => {
    const cwd = emptyFolder();
    for (const record of records) Store.open(join(cwd, "s")).append(record);
    const ran = await moegen(["report", "s", "-o", "r.html", "--json"], { cwd });
    expect(onlyObject(ran)).toMatchObject({ status: "ok", output: "r.html", candidates: 11 });
    const empty = await moegen(["report", "nowhere"], { cwd });
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain("nowhere has no record of a sweep");
  });
});

const executablePath = findBrowser();

describe.skipIf(executablePath === undefined)("the report page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    // Chromium's own sandbox does not run as root.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: executablePath ?? "", args, timeout: 0 });
  });
  afterAll(() => browser.close());

  it.each([
    ["on a desktop", 1200, "light"],
    ["on a phone in the dark", 390, "dark"],
  ] as const)("draws every chart %s, within its width", async (_, width, colorScheme) => {
    const file = join(emptyFolder(), "report.html");
    writeFileSync(file, page);
    const context = await browser.newContext({
      ...{ viewport: { width, height: 800 }, colorScheme, offline: true },
    });
    const tab = await context.newPage();
    const problems: string[] = [];
    const asked: string[] = [];
    tab.on("pageerror", (error) => problems.push(String(error)));
    tab.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    tab.on("request", (request) => asked.push(request.url()));
    tab.setDefaultTimeout(0);
    await tab.goto(pathToFileURL(file).href);
    await tab.waitForSelector(`html[data-drawn="${CHARTS}"]`);
    expect(problems).toEqual([]);
    expect(asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    // Marks, not empty frames, and no wider than the screen.
    const marks = await tab.$$eval("svg", (all) =>
      all.map((svg) => svg.querySelectorAll(".mark-rect path, .mark-symbol path").length),
    );
    expect(marks).toHaveLength(CHARTS);
    expect(Math.min(...marks)).toBeGreaterThan(0);
    const widths = await tab.evaluate<number[]>(
      "[document.documentElement.scrollWidth, innerWidth]",
    );
    expect(widths[0]).toBeLessThanOrEqual(widths[1] ?? 0);
    // Text that can be read: light on dark, or dark on light.
    const colors = await tab.evaluate<string[]>(
      "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]",
    );
    const [text = [], back = []] = colors.map((color) => (color.match(/\d+/g) ?? []).map(Number));
    const light = (rgb: readonly number[]): number => rgb.reduce((sum, part) => sum + part, 0) / 3;
    expect(Math.abs(light(text) - light(back))).toBeGreaterThan(150);
    expect(light(back) < 128).toBe(colorScheme === "dark");
    const label = await tab.$eval("svg .role-axis-label text", (node) => node.getAttribute("fill"));
    expect(label).toBe(colorScheme === "dark" ? "#e6edf3" : "#1b1f24");
    const shot = await tab.screenshot({ fullPage: true });
    expect(shot.length).toBeGreaterThan(20_000);
    await context.close();
  });
});
