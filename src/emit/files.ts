/** The modules of a package. Loads no formatter. */

import { layerContext } from "../kernel/api/context.ts";
import { isSeveral, membersOf } from "../plan/members.ts";
import type { Plan } from "../plan/plan.ts";
import { scheduleOf } from "../schedule/registry.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { sharedApart, sharedLayer } from "../spec/formats.ts";
import { optionFiles } from "./compiler-options.ts";
import {
  initContext,
  referenceContext,
  sharedModuleContext,
  tilesContext,
  weightsModuleContext,
} from "./package.ts";
import { entryFiles } from "./several.ts";

/** Modules that say what the layer is and what is around it, whatever runs it. */
function layerFiles(plan: Plan): readonly PackageFile[] {
  const reference: PackageFile = {
    file: "reference.py",
    template: "package/reference",
    context: referenceContext,
  };
  const quantization: PackageFile = {
    file: "quantization.py",
    template: "package/quantization",
    context: weightsModuleContext,
  };
  const sharedQuantization: PackageFile = {
    file: "shared_quantization.py",
    template: "package/shared_quantization",
    context: sharedModuleContext,
  };
  const padding: PackageFile = {
    file: "padding.py",
    template: "package/padding",
    context: layerContext,
  };
  const quantized = plan.layer.quantization !== undefined;
  const shared = sharedLayer(plan.layer).quantization !== undefined && sharedApart(plan.layer);
  return [
    ...optionFiles(plan),
    ...(plan.layer.heldExperts === undefined ? [] : [padding]),
    ...(plan.emit.reference && quantized ? [quantization] : []),
    ...(plan.emit.reference ? [reference] : []),
    ...(plan.emit.reference && shared ? [sharedQuantization] : []),
  ];
}

/** Which modules a plan has, each with its template; of several schedules, those beside theirs. */
export function filesOf(plan: Plan): readonly PackageFile[] {
  if (isSeveral(plan)) return [...entryFiles(), ...layerFiles(plan)];
  const schedule = scheduleOf(plan.schedule);
  return [
    { file: "__init__.py", template: "package/init", context: initContext },
    ...schedule.files(plan),
    ...layerFiles(plan),
    {
      file: "tiles.py",
      template: "package/tiles",
      context: (of) => tilesContext(of, schedule.tileTable(of)),
    },
  ];
}

/** Names of the modules and of the schedules' folders: "kernel", "tiles". */
export function moduleNames(plan: Plan): readonly string[] {
  const folders = isSeveral(plan) ? membersOf(plan).map(({ name }) => name) : [];
  return [...filesOf(plan).map(({ file }) => file.replace(/\.py$/, "")), ...folders];
}
