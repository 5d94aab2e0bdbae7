/** `predict` as people read it: each contender's time, what it is made of, and who is faster. */
import type { Part, Prediction } from "../../predict/predict.ts";
import type { Paint } from "../output.ts";

export interface Predicted {
  readonly name: string;
  readonly title: string;
  readonly tiles: string;
  readonly prediction: Prediction;
}

/** Parts of a time shown: the largest, and the rest together. */
const SHOWN = 5;
/** Differences below this are noise of measurements. */
export const TIE = 0.08;

/** Seconds as microseconds, with a digit behind the point below 10. */
export function micros(seconds: number): string {
  const value = seconds * 1e6;
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US")} us`;
}

function list(parts: readonly Part[]): string {
  const shown = parts.slice(0, SHOWN).map(({ name, seconds }) => `${name} ${micros(seconds)}`);
  const rest = parts.slice(SHOWN).reduce((sum, { seconds }) => sum + seconds, 0);
  return [...shown, ...(rest > 0 ? [`others ${micros(rest)}`] : [])].join(" · ");
}

const total = (parts: readonly Part[]): number =>
  parts.reduce((sum, { seconds }) => sum + seconds, 0);

const BOUND: Readonly<Record<Prediction["bound"], string>> = {
  core: "work of the core",
  HBM: "waits for HBM",
  ICI: "waits for other devices' copies",
  devices: "waits for slower devices",
};

/**
 * A contender's page: its time with the range, the floor, and parts of work and of waiting, the
 * largest first.
 */
export function predictionLines(
  { title, tiles, prediction }: Predicted,
  paint: Paint,
): readonly string[] {
  const { seconds, range, floor, bound, work, exposed, imbalance } = prediction;
  const times = `${micros(range.low)} to ${micros(range.high)}`;
  const over = (seconds / floor.seconds).toFixed(2);
  return [
    `  ${paint.bold(title)}  ${paint.bold(micros(seconds))}  (${times})`,
    `    floor    ${micros(floor.seconds)} by ${floor.bound}, ${over} x: HBM ${micros(floor.hbm)}, MXU ${micros(floor.mxu)}, ICI ${micros(floor.ici)}`,
    `    bound by ${BOUND[bound]}`,
    `    works    ${micros(total(work))}: ${list(work)}`,
    `    exposed  ${micros(total(exposed))}${exposed.length > 0 ? `: ${list(exposed)}` : ""}`,
    `    rows     the busiest device has ${imbalance.toFixed(2)} x the mean`,
    `    tiles    ${tiles}`,
  ];
}

export interface Verdict {
  readonly fastest: string;
  readonly ratios: readonly { readonly name: string; readonly slower: number }[];
  readonly close: boolean;
}

/**
 * Who is fastest and by how much the others are slower; undefined for fewer than two contenders.
 * `close`: the second is within `TIE` of the first.
 */
export function verdictOf(contenders: readonly Predicted[]): Verdict | undefined {
  const [first, second] = [...contenders].sort(
    (a, b) => a.prediction.seconds - b.prediction.seconds,
  );
  if (first === undefined || second === undefined) return undefined;
  const base = first.prediction.seconds;
  return {
    fastest: first.name,
    ratios: contenders
      .filter((each) => each !== first)
      .map(({ name, prediction }) => ({ name, slower: prediction.seconds / base })),
    close: second.prediction.seconds / base < 1 + TIE,
  };
}

/** The verdict as a line. */
export function verdictLine({ fastest, ratios, close }: Verdict, paint: Paint): string {
  const others = ratios.map(({ name, slower }) => `${slower.toFixed(2)} x ${name}`).join(", ");
  const said = close ? "too close to call" : `${fastest} is fastest`;
  return `  ${paint.bold(said)}: ${fastest} against ${others}`;
}
