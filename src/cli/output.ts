/**
 * All that a command shows. People read lines on stdout; with `--json` stdout carries exactly one
 * object at the end, and the same lines go to stderr as progress.
 */
import { createColors } from "picocolors";

/** Text in colour where the terminal wants it. */
export type Paint = ReturnType<typeof createColors>;

/**
 * Where a command writes: lines, remarks, progress, the one object of `--json`. Made once a
 * command.
 */
export class Output {
  readonly json: boolean;
  readonly paint: Paint;
  /** Colour for renderers that colour by themselves. */
  readonly color: boolean;
  /** How it went has been said: a second Ctrl-C must not say it again. */
  closed = false;

  constructor(options: { readonly json: boolean }) {
    this.json = options.json;
    const stream = this.json ? process.stderr : process.stdout;
    this.color = wantsColor(stream);
    this.paint = createColors(this.color);
  }

  /** A line of the report. */
  line(text = ""): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** A remark on the way, never part of the report. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** A transient line on a terminal: replaced by the next one, absent from logs. */
  progress(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
  }

  /** Takes the transient line away. */
  settle(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  }

  /** The one object on stdout. */
  object(value: object): void {
    this.closed = true;
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}

function wantsColor(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR) return process.env.FORCE_COLOR !== "0";
  return stream.isTTY === true && process.env.TERM !== "dumb";
}
