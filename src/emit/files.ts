/** The modules of a package. Loads no formatter. */

import type { Plan } from "../plan/plan.ts";
import { scheduleOf } from "../schedule/registry.ts";
import type { PackageFile } from "../schedule/schedule.ts";
import { sharedApart, sharedLayer } from "../spec/formats.ts";
import {
  initContext,
  referenceContext,
  sharedModuleContext,
  tilesContext,
  weightsModuleContext,
} from "./package.ts";

/** Which modules a plan has, each with its template. */
export function filesOf(plan: Plan): readonly PackageFile[] {
  const schedule = scheduleOf(plan.schedule);
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
  const quantized = plan.layer.quantization !== undefined;
  const shared = sharedLayer(plan.layer).quantization !== undefined && sharedApart(plan.layer);
  return [
    { file: "__init__.py", template: "package/init", context: initContext },
    ...schedule.files(plan),
    ...(plan.emit.reference && quantized ? [quantization] : []),
    ...(plan.emit.reference ? [reference] : []),
    ...(plan.emit.reference && shared ? [sharedQuantization] : []),
    {
      file: "tiles.py",
      template: "package/tiles",
      context: (of) => tilesContext(of, schedule.tileTable(of)),
    },
  ];
}

/** Names of the modules: "kernel", "tiles". */
export function moduleNames(plan: Plan): readonly string[] {
  return filesOf(plan).map(({ file }) => file.replace(/\.py$/, ""));
}
