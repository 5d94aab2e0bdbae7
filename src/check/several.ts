/** Judges a spec of several schedules: each one's own rules, then which of them runs which bucket. */

import { lowerSpec, type Registries } from "../lower/lower.ts";
import {
  type Chosen,
  choose,
  isAsked,
  lowerSeveral,
  memberSpec,
  namesOf,
  writtenTimes,
} from "../lower/several.ts";
import { fits, type ResolvedTiles } from "../lower/tiles.ts";
import type { Plan } from "../plan/plan.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { memberName, memberNames, memberParts } from "../spec/member.ts";
import { devicesOf } from "../spec/mesh.ts";
import { BUCKET_ROWS } from "../spec/schedule.ts";
import { BUCKET_FIELDS, type SeveralSpec } from "../spec/several.ts";
import type { MoeSpec } from "../spec/spec.ts";
import type { Finding } from "./diagnostic.ts";
import type { JudgedKernels } from "./judged-kernels.ts";
import { type JudgedRules, judgeKernels } from "./kernels.ts";
import {
  leftOut,
  nobody,
  nobodyFits,
  notDecided,
  orderDiffers,
  otherWeights,
  UNDECIDED,
  untimed,
} from "./rules/several.ts";

/** One of those that may take part, with all buckets that it can run. */
export interface Member {
  /** Of the schedule, and of where its rows lie (`spec/member.ts`). */
  readonly name: string;
  /** Its own spec: of this member alone. */
  readonly spec: MoeSpec;
  /** Its own plan: kernels for each bucket on each device where it fits. */
  readonly plan: Plan;
}

export interface SeveralJudgement {
  readonly findings: readonly Finding[];
  readonly resolved: readonly ResolvedTiles[];
  readonly lowered: number;
  readonly plan?: Plan;
  /** Where nothing but who is faster is missing: a plan with any that can for each bucket. */
  readonly undecided?: Plan;
  /** All that may take part, whether or not they win anywhere. */
  readonly members: readonly Member[];
}

/** What judges the rules of one schedule's spec: `judgeRules`. */
type JudgeRules = (spec: MoeSpec, registries: Registries) => JudgedRules;

interface Tried {
  readonly member: Member;
  readonly context: JudgedRules["context"];
  readonly before: readonly Finding[];
  readonly resolved: readonly ResolvedTiles[];
}

const isError = ({ severity }: Finding): boolean => severity === "error";

const isOfColumns = ({ path: [first, second] }: Finding): boolean =>
  first === "mesh" && second === "tp";

/** Where a finding about one member's own spec stands in the spec of several. */
function placedIn(member: string, { among }: SeveralSpec, finding: Finding): Finding {
  const [schedule, tiles, bucket, field, ...rest] = finding.path;
  const shared = BUCKET_FIELDS.some((name) => name === field);
  if (schedule !== "schedule" || bucket === undefined || field === undefined || shared) {
    return finding;
  }
  const own = [schedule, tiles ?? "tiles", bucket, member];
  if (field !== "rows") return { ...finding, path: [...own, field, ...rest] };
  // Where rows lie is the member's name: said once, where it is named.
  const at = among?.indexOf(member) ?? -1;
  const { kind } = memberParts(member);
  const nearest = BUCKET_ROWS.filter((rows) => finding.nearest.includes(rows)).map((rows) =>
    memberName({ kind, rows }),
  );
  return { ...finding, path: at < 0 ? own : [schedule, "among", at], nearest };
}

const keyOf = ({ code, path, message }: Finding): string => JSON.stringify([code, path, message]);

/** Without what is said again: of each bucket, where it is the member's. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const keys = findings.map((each) => `${keyOf(each)} ${each.detail}`);
  return findings.filter((_, index) => keys.indexOf(keys[index] ?? "") === index);
}

/**
 * Judges each schedule by its own spec, and decides who runs which bucket on which device.
 *
 * @param shared what the rules say of the spec as a whole
 * @param judgeRules the rules of one schedule's spec
 */
export function judgeSeveral(
  spec: MoeSpec,
  several: SeveralSpec,
  registries: Registries,
  shared: readonly Finding[],
  judgeRules: JudgeRules,
): SeveralJudgement {
  const findings = [...shared, ...leftOut(several, memberNames(registries.schedules))];
  let lowered = 0;
  const ended = (members: readonly Member[] = []): SeveralJudgement => {
    return { findings, resolved: [], lowered, members };
  };
  if (shared.some(isError)) return ended();
  const names = namesOf(several, registries.schedules);
  if (spec.layer.deterministic === true && names.length > 1) {
    findings.push(orderDiffers(registries));
    return ended();
  }
  const known = new Set(shared.map(keyOf));
  const all: Tried[] = [];
  // Of schedules that cut experts, what keeps them from these columns.
  const columns: Finding[] = [];
  for (const name of names) {
    const schedule = registries.schedules[memberParts(name).kind];
    if (schedule === undefined) continue;
    const one = tryOne(spec, several, name, schedule, registries, judgeRules);
    lowered += one.lowered;
    const told = distinct(one.findings.map((each) => placedIn(name, several, each)));
    if (schedule.cutsExperts === true) columns.push(...told.filter(isOfColumns));
    const fresh = told.filter((each) => !known.has(keyOf(each)));
    // Of a schedule that nobody asks for, what it cannot do is no fault of the spec.
    const asked = isAsked(several, name);
    findings.push(...fresh.filter((each) => asked || (one.tried && !isError(each))));
    for (const each of told) known.add(keyOf(each));
    if (one.tried !== undefined) all.push(one.tried);
  }
  const tried = ofOneLayout(spec, several, registries, all);
  const other = otherWeights(
    spec,
    tried.map(({ member }) => member.name),
    registries,
  );
  if (other !== undefined) findings.push(other);
  if (tried.length === 0) findings.push(...(columns.length > 0 ? columns : [nobody(names)]));
  if (findings.some(isError)) return ended();
  const members = tried.map(({ member }) => member);
  const decided = decide(spec, several, tried);
  findings.push(...decided.findings);
  const wrong = findings.filter(isError);
  if (wrong.some(({ code }) => code !== UNDECIDED)) return ended(members);
  const chosen = relowered(decided.chosen, tried);
  const resolved = chosen.map(({ tiles }) => tiles);
  const plan = lowerSeveral(spec, several, chosen);
  if (wrong.length > 0) return { ...ended(members), undecided: plan };
  return { findings, resolved, lowered, members, plan };
}

interface OneTried {
  readonly findings: readonly Finding[];
  readonly lowered: number;
  readonly tried?: Tried;
}

/** One schedule alone, in every bucket where it has tiles that fit. */
function tryOne(
  spec: MoeSpec,
  several: SeveralSpec,
  name: string,
  schedule: Schedule,
  registries: Registries,
  judgeRules: JudgeRules,
): OneTried {
  const own = memberSpec(spec, several, name, schedule);
  const { context, findings: before } = judgeRules(own, registries);
  if (before.some(isError)) return { findings: before, lowered: 0 };
  const judged = judgeKernels(context, before);
  const { lowered } = judged;
  const resolved = judged.resolved.filter(({ kernel }) => fits(kernel));
  const findings = [...before, ...inItsWay(several, name, judged)];
  if (resolved.length === 0) return { findings, lowered };
  const plan = lowerSpec(own, resolved);
  const member = { name, spec: own, plan };
  return { findings, lowered, tried: { member, context, before, resolved } };
}

/**
 * Without those that nobody asks for and that keep other columns of the shared experts on a device
 * than the first that somebody asks for, or the first of all.
 */
function ofOneLayout(
  { layer, mesh }: MoeSpec,
  several: SeveralSpec,
  { schedules }: Registries,
  tried: readonly Tried[],
): readonly Tried[] {
  const asked = ({ member }: Tried): boolean => isAsked(several, member.name);
  const columns = ({ member }: Tried): number =>
    schedules[memberParts(member.name).kind]?.sharedColumns(layer, devicesOf(mesh)) ?? 0;
  const first = tried.find(asked) ?? tried[0];
  if (first === undefined) return tried;
  const kept = columns(first);
  return tried.filter((one) => asked(one) || columns(one) === kept);
}

/** Where tiles are written, or the bucket names the schedule, that they do not fit is an error. */
function inItsWay(
  { tiles }: SeveralSpec,
  member: string,
  { findings }: JudgedKernels,
): readonly Finding[] {
  return findings.filter((finding) => {
    const [, , name = ""] = finding.path;
    const bucket = tiles[name];
    const written = bucket !== undefined && Reflect.get(bucket, member) !== undefined;
    return !isError(finding) || written || bucket?.use === member;
  });
}

interface Decided {
  readonly findings: readonly Finding[];
  readonly chosen: readonly Chosen[];
}

/** Who runs which bucket on which device, bucket-major. */
function decide(spec: MoeSpec, several: SeveralSpec, tried: readonly Tried[]): Decided {
  const findings: Finding[] = [];
  const chosen: Chosen[] = [];
  for (const [name, bucket] of Object.entries(several.tiles)) {
    const undecided: string[] = [];
    const can = new Set<string>();
    for (const device of new Set(spec.devices)) {
      const found = tried.flatMap(({ member, resolved }) => {
        const tiles = resolved.find(
          ({ kernel }) => kernel.bucket === name && kernel.device === device,
        );
        return tiles === undefined ? [] : [{ member: member.name, tiles }];
      });
      const able = found.map(({ member }) => member);
      for (const member of able) can.add(member);
      if (able.length === 0)
        findings.push(
          nobodyFits(
            name,
            device,
            tried.map(({ member }) => member.name),
          ),
        );
      else {
        const made = choose(bucket, device, able);
        if (made === undefined) undecided.push(device);
        const [any] = found;
        const { schedule, choice } = made ?? {
          schedule: any?.member ?? "",
          choice: { by: "alone", times: [] },
        };
        const tiles = found.find(({ member }) => member === schedule)?.tiles;
        if (tiles !== undefined) chosen.push({ bucket: name, device, schedule, choice, tiles });
        if (choice.by === "prediction") {
          const timed = writtenTimes(bucket, device, able).map((one) => one.schedule);
          findings.push(...untimed(name, device, able, timed));
        }
      }
    }
    if (undecided.length > 0) findings.push(notDecided(name, undecided, [...can]));
  }
  return { findings, chosen };
}

/**
 * The kernels that were chosen, each schedule's lowered by themselves: weights in tiles for the sake of
 * a bucket that another schedule runs would be for nothing.
 */
function relowered(chosen: readonly Chosen[], tried: readonly Tried[]): readonly Chosen[] {
  const own = new Map(
    tried.map(({ member: { name }, context, before }) => {
      const mine = chosen.filter(({ schedule }) => schedule === name);
      const wanted = (bucket: string, device: string): boolean =>
        mine.some((one) => one.bucket === bucket && one.device === device);
      return [name, mine.length === 0 ? [] : judgeKernels(context, before, wanted).resolved];
    }),
  );
  return chosen.map((one) => {
    const tiles = own
      .get(one.schedule)
      ?.find(({ kernel }) => kernel.bucket === one.bucket && kernel.device === one.device);
    return tiles === undefined ? one : { ...one, tiles };
  });
}
