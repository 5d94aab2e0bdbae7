/** The page of `moegen explain`: each section is one function from the plan to lines. */

import { activationName, renormalizedText } from "../../kernel/api/layer.ts";
import type { ExpertMemory } from "../../lower/hbm.ts";
import { isSeveral } from "../../plan/members.ts";
import type { Call, KernelPlan, PallasCall, Plan } from "../../plan/plan.ts";
import { devicesOf } from "../../spec/mesh.ts";

import { deviceOf } from "../../target/device/registry.ts";
import { bytes, bytesOf, count, flops, plural, table } from "../format.ts";
import type { Paint } from "../output.ts";
import { optionLines, rowsLines } from "./bucket.ts";
import { deterministicLines } from "./deterministic.ts";
import { memoryLines } from "./memory.ts";
import { quantised } from "./quantised.ts";
import { spreadLines } from "./spread.ts";
import { timeline } from "./timeline.ts";
import { routesLines, transportLines } from "./transport.ts";

/** `full`: with the axes, stages, buffers, copies and semaphores of each kernel. */
export function explainPlan(
  plan: Plan,
  kernels: readonly KernelPlan[],
  memory: ExpertMemory,
  paint: Paint,
  full = true,
): readonly string[] {
  return [
    ...heading(plan, paint),
    "",
    ...capacity(plan, paint),
    "",
    ...choiceLines(plan, paint),
    ...memoryLines(memory, paint),
    ...kernels.flatMap((kernel) => ["", ...kernelPage(plan, kernel, paint, full)]),
  ];
}

function heading(plan: Plan, paint: Paint): readonly string[] {
  const { layer } = plan;
  const { routing } = layer;
  const routed =
    routing.where === "given"
      ? "routing given"
      : [
          `routing in the kernel: ${routing.scoring}`,
          ...(routing.renormalize ? [renormalizedText(routing.renormEpsilon)] : []),
          ...(routing.scalingFactor === 1 ? [] : [`x ${routing.scalingFactor}`]),
          ...(routing.logitSoftCap === undefined
            ? []
            : [`logits capped at ${routing.logitSoftCap}`]),
        ].join(", ");
  const { identityExperts } = layer;
  const identity = identityExperts === undefined ? "" : ` and ${identityExperts} identity ones`;
  const sizes = `E ${layer.experts}${identity}, top-${layer.topK}, D ${layer.hidden}, F ${layer.intermediate}`;
  return [
    `${paint.bold(plan.name)}  ${plan.schedule} schedule`,
    `  ${sizes}, ${activationName(layer.activation)}, ${layer.dtype}, ${routed}`,
    ...quantised(plan),
    ...spreadLines(plan),
    ...(plan.source === undefined ? [] : [`  ${plan.source}`]),
  ];
}

/** Of several schedules: who runs each bucket, and why. */
function choiceLines(plan: Plan, paint: Paint): readonly string[] {
  if (!isSeveral(plan)) return [];
  const rows = plan.kernels.map(({ bucket, device, schedule = "", choice }) => {
    const times = (choice?.times ?? []).map((time) => `${time.schedule} ${time.us} us`).join(", ");
    const why = { prediction: "predicted", spec: "named by the spec", alone: "no other can" };
    return [bucket, device, schedule, [why[choice?.by ?? "alone"], times].join(": ")];
  });
  const titles = ["bucket", "device", "schedule", "why"];
  return [
    paint.bold("schedules"),
    ...table(
      titles.map((title) => ({ title })),
      rows.map((row) => row.map((cell) => cell.replace(/: $/, ""))),
    ),
    "",
  ];
}

/** VMEM of every bucket on every device of the spec. */
function capacity(plan: Plan, paint: Paint): readonly string[] {
  const rows = plan.kernels.map(({ bucket, device, tiles, vmem, passes }) => [
    bucket,
    `${tiles.upTo}`,
    device,
    `bt ${tiles.bt}, bf ${tiles.bf}, bd ${tiles.bd}`,
    `${passes}`,
    bytesOf(vmem.used, vmem.available),
    gauge(vmem.used / vmem.available),
  ]);
  const columns = [
    { title: "bucket" },
    { title: "up to T", align: "right" as const },
    { title: "device" },
    { title: "tiles" },
    { title: "passes", align: "right" as const },
    { title: "VMEM", align: "right" as const },
    { title: "" },
  ];
  return [paint.bold("fit"), ...table(columns, rows)];
}

/** What of the weights starts before the routing is known. */
function entryText({ tiles: { own } }: KernelPlan): string {
  const { early, early_tokens: tokens } = own;
  if (early === undefined || early === 0) return ", none before it is known who has rows";
  const whose = early === 1 ? "those of the first expert" : `those of the first ${early} experts`;
  return `, ${whose} from the kernel's entry${tokens === 1 ? "" : ` for T >= ${tokens}`}`;
}

function kernelPage(
  plan: Plan,
  kernel: KernelPlan,
  paint: Paint,
  full: boolean,
): readonly string[] {
  const { bucket, device, tokens, tiles, passes } = kernel;
  const own = Object.entries(tiles.own);
  const title = `${bucket} on ${device}, T = ${tokens}`;
  const perDevice = Math.ceil(tokens / devicesOf(plan.mesh));
  return [
    paint.bold(`── ${title} ${"─".repeat(Math.max(0, 72 - title.length))}`),
    `  ${plural(perDevice, "token")} a device in ${passes} pass${passes === 1 ? "" : "es"}` +
      `; rows of one expert ${tiles.btc.join(", ")}; weights in ${tiles.slots} slots`,
    `  weights run ${plural(tiles.slots - 1, "tile")} ahead${entryText(kernel)}`,
    ...(own.length === 0 ? [] : [`  ${own.map(([name, value]) => `${name} ${value}`).join(", ")}`]),
    ...rowsLines(kernel),
    ...optionLines(kernel),
    ...routesLines(kernel),
    ...transportLines(kernel),
    ...deterministicLines(plan, kernel),
    "",
    ...(full && kernel.axes.length > 0 ? [paint.bold("axes"), ...axes(kernel), ""] : []),
    ...(full ? kernel.calls.flatMap((call) => callLines(call, kernel, paint)) : []),
    paint.bold("bytes and FLOPs  (one device, one call, uniform routing)"),
    ...traffic(kernel),
  ];
}

/** One call of the kernel: a Pallas call with all it declares, or a line of what XLA does. */
function callLines(call: Call, { vmem, smem }: KernelPlan, paint: Paint): readonly string[] {
  if (call.kind !== "pallas") {
    const what = call.kind === "collective" ? call.operation : `${call.operations} operations`;
    return [
      paint.bold(`XLA: ${call.name}`),
      `  ${call.meaning}; ${what}, ${bytes(Math.round(call.bytes))}`,
      "",
    ];
  }
  return [
    paint.bold("stages"),
    ...timeline(call),
    "",
    paint.bold(
      `buffers  VMEM ${bytesOf(vmem.used, vmem.available)}, SMEM ${bytes(smem.used)} of ${bytes(smem.available)}`,
    ),
    ...buffers(call),
    "",
    paint.bold("copies  (one device, one call, uniform routing)"),
    ...streams(call),
    "",
    paint.bold("semaphores"),
    ...semaphores(call),
    "",
  ];
}

function axes({ axes: list }: KernelPlan): readonly string[] {
  const right = "right" as const;
  return table(
    [
      { title: "axis" },
      { title: "size", align: right },
      { title: "tile", align: right },
      { title: "trips", align: right },
      { title: "" },
    ],
    list.map(({ name, size, tile, trips, meaning }) => [
      name,
      `${size}`,
      `${tile}`,
      `${trips}`,
      meaning,
    ]),
  );
}

function buffers({ buffers: list }: PallasCall): readonly string[] {
  const ordered = [...list].sort(
    (a, b) => a.space.localeCompare(b.space) * -1 || b.bytes - a.bytes,
  );
  const right = "right" as const;
  return table(
    [
      { title: "name" },
      { title: "space" },
      { title: "bytes", align: right },
      { title: "slots", align: right },
      { title: "one slot" },
      { title: "" },
    ],
    ordered.map((buffer) => [
      buffer.name,
      buffer.space,
      bytes(buffer.bytes),
      `${buffer.slots}`,
      `(${buffer.shape.join(", ")}) ${buffer.dtype}`,
      buffer.meaning,
    ]),
  );
}

function streams({ streams: list }: PallasCall): readonly string[] {
  const right = "right" as const;
  return table(
    [
      { title: "name" },
      { title: "route" },
      { title: "bytes", align: right },
      { title: "copies", align: right },
      { title: "started by" },
      { title: "awaited by" },
      { title: "semaphore" },
      { title: "" },
    ],
    list.map((stream) => [
      stream.name,
      `${stream.from} ${stream.remote ? "⇒" : "→"} ${stream.remote ? "remote " : ""}${stream.to}`,
      bytes(Math.round(stream.bytes)),
      count(stream.copies),
      stream.issuedBy,
      stream.awaitedBy,
      stream.semaphore,
      `${stream.source} to ${stream.destination}`,
    ]),
  );
}

function semaphores({ semaphores: list }: PallasCall): readonly string[] {
  return table(
    [{ title: "name" }, { title: "kind" }, { title: "count", align: "right" }, { title: "" }],
    list.map(({ name, kind, count: n, meaning }) => [name, kind, `${n}`, meaning]),
  );
}

function traffic(kernel: KernelPlan): readonly string[] {
  const {
    hbm,
    hbmMinimum,
    ici,
    iciMinimum,
    flops: operations,
    intensity,
    activeExperts,
  } = kernel.traffic;
  const device = deviceOf(kernel.device);
  const micro = (value: number): string => `${(value * 1e6).toFixed(1)} us`;
  const hbmTime = hbm / device.hbmBandwidth;
  const flopTime = operations / device.bf16Flops;
  const iciTime = ici / (device.iciLinkBandwidth * device.iciLinks);
  const longest = Math.max(hbmTime, flopTime, iciTime);
  const bound = longest === hbmTime ? "HBM" : longest === flopTime ? "matrix unit" : "ICI";
  const against = (value: number, least: number): string =>
    least > 0 ? `${bytes(Math.round(least))}, x ${(value / least).toFixed(2)}` : "0 B";
  const right = "right" as const;
  return [
    ...table(
      [
        { title: "" },
        { title: "moved", align: right },
        { title: "at peak rate", align: right },
        { title: "minimum" },
      ],
      [
        ["HBM", bytes(Math.round(hbm)), micro(hbmTime), against(hbm, hbmMinimum)],
        ["ICI", bytes(Math.round(ici)), micro(iciTime), against(ici, iciMinimum)],
        ["FLOPs", flops(operations), micro(flopTime), ""],
      ],
    ),
    `  ${intensity.toFixed(1)} FLOPs an HBM byte; ${activeExperts.toFixed(1)} experts with a token;` +
      ` bound by ${bound}: at least ${micro(longest)}`,
  ];
}

const GAUGE_WIDTH = 20;

function gauge(share: number): string {
  const full = Math.min(GAUGE_WIDTH, Math.round(share * GAUGE_WIDTH));
  return `${"█".repeat(full)}${"░".repeat(GAUGE_WIDTH - full)} ${Math.round(share * 100)} %`;
}
