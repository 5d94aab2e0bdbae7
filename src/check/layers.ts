/** Judges a spec of several kinds of layers: each kind by its own rules, then the kinds beside each other. */
import { layerOrigin } from "../dsl/brand.ts";
import { kindSpec } from "../dsl/kinds.ts";
import { entryNames } from "../emit/layer-names.ts";
import type { Registries } from "../lower/lower.ts";
import type { Plan } from "../plan/plan.ts";
import type { LayersSpec } from "../spec/layers.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Finding, SpecPath } from "./diagnostic.ts";
import { judge } from "./judge.ts";
import { withLegalValues } from "./nearest.ts";
import { originNote } from "./origin-note.ts";
import { kindsAgree } from "./rules/compiler-options.ts";
import { nameIsNoModule } from "./rules/identity.ts";
import {
  checkKinds,
  kindNames,
  kindsApart,
  kindsAsRead,
  kindsFitHbm,
  kindsHaveOneSchedule,
  kindsInOneStream,
} from "./rules/layers.ts";

/** One kind of layers that has no error. */
export interface JudgedKind {
  readonly kind: string;
  /** Indices of its layers in the model, ascending. */
  readonly at: readonly number[];
  /** Its own spec, named for itself: of this kind alone. */
  readonly spec: MoeSpec;
  readonly plan: Plan;
  /** What its config's reader says that the layers' caller or their weights' loader must do. */
  readonly notes: readonly string[];
}

export interface LayersJudgement {
  readonly findings: readonly Finding[];
  /** All of them where no finding is an error; else none. */
  readonly kinds: readonly JudgedKind[];
}

const keyOf = ({ code, path, message }: Finding): string => JSON.stringify([code, path, message]);

/**
 * Findings of every rule, and each kind's plan where no finding is an error. A part of the spec whose
 * kinds of values are wrong is reported once and not judged further.
 *
 * @param beside what is said of the files beside a kind's config
 */
export function judgeLayers(
  spec: LayersSpec,
  registries: Registries,
  beside: (own: MoeSpec) => readonly Finding[] = () => [],
): LayersJudgement {
  const { findings: shape, kinds } = checkKinds(spec);
  const found = [
    ...shape,
    ...kindsHaveOneSchedule(spec, kinds),
    ...(shape.length > 0
      ? []
      : [
          ...kindNames(spec),
          ...nameIsNoModule(spec.name, entryNames),
          ...kindsApart(kinds),
          ...kindsAsRead(kinds),
          ...kindsInOneStream(kinds),
        ]),
  ];
  const several = found.some(({ code }) => code === "MOE174");
  const judged = several
    ? []
    : kinds.map(([kind, { at }]) => ({ kind, at, own: kindSpec(spec, kind) }));
  const told = new Map(found.map((finding) => [keyOf(finding), finding]));
  /** Of what is said of what kinds share: the kinds that it is true of. */
  const met = new Map<string, string[]>();
  const made: JudgedKind[] = [];
  for (const { kind, at, own } of judged) {
    const { findings, plan } = judge(own, registries);
    const fields = layerOrigin(own.layer)?.fields ?? {};
    for (const one of [...withLegalValues(own, findings, registries), ...beside(own)]) {
      const placed = placedIn(spec, kind, originNote(one, fields));
      // What the kinds have in common is said once.
      const key = keyOf(placed);
      if (!told.has(key)) told.set(key, placed);
      met.set(key, [...(met.get(key) ?? []), kind]);
    }
    if (plan === undefined) continue;
    const name = `${spec.name}_${kind}`;
    const ascending = at.toSorted((a, b) => a - b);
    const { notes = [] } = layerOrigin(own.layer) ?? {};
    made.push({ kind, at: ascending, spec: { ...own, name }, plan: { ...plan, name }, notes });
  }
  const kernels = made.map(({ kind, plan }) => ({ kind, kernels: plan.kernels }));
  for (const one of kindsAgree(spec, kernels)) told.set(keyOf(one), one);
  const findings = [...told].map(([key, finding]) => {
    const kinds = met.get(key) ?? [];
    const own =
      finding.path[0] === "layers" || kinds.length === 0 || kinds.length === judged.length;
    return own ? finding : { ...finding, note: noteOf(finding, kinds) };
  });
  const legal = findings.every(({ severity }) => severity !== "error");
  if (!legal) return { findings, kinds: [] };
  // That one layer alone does not fit is said of its kind.
  const one = findings.some(({ code }) => code === "MOE204");
  const counted = made.map(({ at, spec: { layer }, plan: { schedule } }) => ({
    ...{ layer, count: at.length },
    schedule: registries.schedules[schedule],
  }));
  const all = one ? [] : kindsFitHbm(spec, counted, registries.devices);
  return { findings: [...findings, ...all], kinds: made };
}

/** That a finding is of some kinds alone. */
function noteOf({ note }: Finding, kinds: readonly string[]): string {
  const of = `of the layers ${kinds.join(", ")} alone`;
  return note === undefined ? of : `${note}; ${of}`;
}

/** Where a finding about a kind's own spec stands in the spec of all kinds. */
function placedIn({ layers }: LayersSpec, kind: string, finding: Finding): Finding {
  const inKind = (path: SpecPath): SpecPath => {
    const [step] = path;
    const own = step === "schedule" && layers[kind]?.schedule !== undefined;
    return step === "layer" || own ? ["layers", kind, ...path] : path;
  };
  const { path, insteadOf } = finding;
  return {
    ...finding,
    path: inKind(path),
    ...(insteadOf === undefined ? {} : { insteadOf: inKind(insteadOf) }),
  };
}
