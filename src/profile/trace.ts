/** Spans as a Chrome trace, which Perfetto and chrome://tracing open. */
import type { Lane, Span } from "./timeline.ts";

const LANES: readonly Lane[] = ["stages", "waits", "HBM", "ICI", "on chip"];

export interface TraceProcess {
  readonly name: string;
  readonly spans: readonly Span[];
}

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, number | string>>;
}

export interface Trace {
  readonly displayTimeUnit: "ns";
  readonly traceEvents: readonly TraceEvent[];
}

/** One process a kernel, one thread a lane. */
export function chromeTrace(processes: readonly TraceProcess[]): Trace {
  const events = processes.flatMap(({ name, spans }, index): readonly TraceEvent[] => {
    const pid = index + 1;
    const head = { name: "process_name", ph: "M", pid, tid: 0, args: { name } } as const;
    const lanes = LANES.filter((lane) => spans.some((span) => span.lane === lane));
    return [
      head,
      ...lanes.flatMap((lane): readonly TraceEvent[] => {
        const tid = LANES.indexOf(lane) + 1;
        const at = { ph: "M", pid, tid } as const;
        return [
          { name: "thread_name", ...at, args: { name: lane } },
          { name: "thread_sort_index", ...at, args: { sort_index: tid } },
        ];
      }),
      ...spans.map(
        (span): TraceEvent => ({
          name: span.name,
          cat: span.lane,
          ph: "X",
          ts: span.start * 1e6,
          dur: span.duration * 1e6,
          pid,
          tid: LANES.indexOf(span.lane) + 1,
          args: span.detail,
        }),
      ),
    ];
  });
  return { displayTimeUnit: "ns", traceEvents: events };
}
