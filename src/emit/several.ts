/** A package of several schedules: one entry point, one table of who runs what, a module set each. */

import { argumentsContext } from "../kernel/api/arguments.ts";
import { headerContext, layerContext } from "../kernel/api/context.ts";
import { planShared } from "../kernel/shared-experts/spread.ts";
import { type MemberPlan, membersOf } from "../plan/members.ts";
import type { KernelPlan, Plan } from "../plan/plan.ts";
import { scheduleOf } from "../schedule/registry.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { memberParts } from "../spec/member.ts";
import { deviceOf } from "../target/device/registry.ts";
import { exportsOf, isPredicted, siblingImport, tilesContext } from "./package.ts";
import { pyFloat, pyString } from "./python.ts";

/** Device kinds in the order of the plan: the first stands for the interpreter in every table. */
function kindsOf({ kernels }: Plan): readonly string[] {
  return [...new Set(kernels.map(({ device }) => device))];
}

/** One entry of the table: who runs the bucket, and by how much it beats the next. */
function choiceOf({ tiles, schedule, choice, predicted }: KernelPlan): Record<string, string> {
  const own = choice?.times.find((one) => one.schedule === schedule);
  const next = choice?.times.find((one) => one.schedule !== schedule);
  const margin =
    own === undefined || next === undefined
      ? undefined
      : Math.round((100 * (next.us - own.us)) / own.us) / 100;
  const float = (value: number | undefined): string =>
    value === undefined ? "None" : pyFloat(value);
  return {
    upTo: String(tiles.upTo),
    schedule: schedule ?? "",
    decidedBy: pyString(choice?.by ?? "alone"),
    predictedUs: float(own?.us),
    runnerUp: next === undefined ? "None" : pyString(next.schedule),
    margin: float(margin),
    epmoeUs: float(predicted?.epmoe),
  };
}

const PLACES = {
  vmem: "",
  "two passes": "; rows of one pass come in while experts take the other's",
  hbm: "; token rows in HBM",
  "hbm with sums": "; token rows and their sums in HBM",
  "hbm with results": "; token rows and the results of all their experts in HBM",
} as const;

/** What a member is, in a line. */
function summaryOf(name: string): string {
  const { kind, rows } = memberParts(name);
  return `${scheduleOf(kind).summary}${PLACES[rows]}`;
}

/** What the modules of the package itself say. */
function severalContext(plan: Plan): Record<string, unknown> {
  const members = membersOf(plan);
  const names = members.map(({ name }) => name);
  const sorted = names.toSorted();
  const predicted = isPredicted(plan);
  const tightest = kindsOf(plan)
    .map(deviceOf)
    .reduce((a, b) => (b.vmemBytes < a.vmemBytes ? b : a));
  return {
    ...layerContext(plan),
    ...argumentsContext(plan, planShared(plan)),
    ...headerContext(plan),
    members: members.map(({ name }) => ({ name, summary: summaryOf(name) })),
    schedulesText: `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`,
    modules: sorted.join(", "),
    modulesOr: `${sorted.slice(0, -1).join(", ")} or ${sorted.at(-1)}`,
    moduleItems: sorted.map((name) => `${pyString(name)}: ${name}`).join(", "),
    tilesUnion: sorted.map((name) => `${name}.Tiles`).join(" | "),
    tightest: tightest.kind,
    predicted,
    choices: kindsOf(plan).map((device) => ({
      kind: deviceOf(device).kind,
      entries: plan.kernels
        .filter((kernel) => kernel.device === device)
        .sort((a, b) => a.tiles.upTo - b.tiles.upTo)
        .map((kernel) => ({ ...choiceOf(kernel), withEpmoe: predicted })),
    })),
  };
}

/** Names that a caller may import, and from which module. */
function initContext(plan: Plan): Record<string, unknown> {
  const { options, ratio, helper, references } = exportsOf(plan);
  const functions = [...options, "fused_ep_moe", ...ratio, ...helper, ...references];
  const modules: readonly (readonly [string, readonly string[]])[] = [
    ["compiler_options", options],
    ["kernel", ["fused_ep_moe"]],
    ["quantization", helper],
    ["reference", references],
    ["tiles", ["SCHEDULE_TABLE", "Choice", "Tiles", ...ratio, "select_schedule", "select_tiles"]],
  ];
  return {
    ...severalContext(plan),
    imports: modules
      .filter(([, names]) => names.length > 0)
      .map(([module, names]) => siblingImport(module, names)),
    exports: ["SCHEDULE_TABLE", "Choice", "Tiles", ...functions, "select_schedule", "select_tiles"],
  };
}

/** Modules of the package itself, beside those that every package has. */
export function entryFiles(): readonly PackageFile[] {
  return [
    { file: "__init__.py", template: "several/init", context: initContext },
    { file: "kernel.py", template: "several/kernel", context: severalContext },
    { file: "selection.py", template: "several/selection", context: severalContext },
    { file: "tiles.py", template: "several/tiles", context: severalContext },
  ];
}

/** Modules of one member of the package `whole`. */
export function memberFiles(
  { name: member, plan }: MemberPlan,
  whole: Plan,
): readonly PackageFile[] {
  const schedule = scheduleOf(plan.schedule);
  const order = kindsOf(whole).map((device) => deviceOf(device).kind);
  return [
    {
      file: "__init__.py",
      template: "several/member_init",
      context: ({ name }) => ({ name, member, summary: summaryOf(member) }),
    },
    ...schedule.files(plan),
    {
      file: "tiles.py",
      template: "several/member_tiles",
      context: (of) => {
        const context = tilesContext(of, schedule.tileTable(of));
        const table = context.table.toSorted(
          (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind),
        );
        return { ...context, table, member };
      },
    },
  ];
}
