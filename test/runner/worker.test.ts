/** The process and its protocol, with the real worker and with ones that misbehave. */
import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { requirePython, workerEnvironment } from "../../src/runner/environment.ts";
import { WorkerError } from "../../src/runner/errors.ts";
import { withWorker } from "../../src/runner/local.ts";
import { LocalTransport } from "../../src/runner/transport.ts";
import { Worker, type WorkerEvent, type WorkerOptions } from "../../src/runner/worker.ts";
import { root } from "../cli/moegen.ts";
import { until } from "../cli/processes.ts";

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
});

/** A worker whose process is a line of JavaScript, given each request as `request`. */
function acting(script: string, options: WorkerOptions = {}): Worker {
  const program = `
    const say = (message) => console.log(JSON.stringify(message));
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const request = JSON.parse(line);
      const answer = (result) => say({ id: request.id, ok: true, result });
      ${script}
    }).on("close", () => process.exit(0));`;
  const transport = new LocalTransport({
    python: process.execPath,
    env: {},
    args: ["-e", program],
  });
  const worker = new Worker(transport, options);
  workers.push(worker);
  return worker;
}

async function failure(promise: Promise<unknown>): Promise<WorkerError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WorkerError);
  return error as WorkerError;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  expect(await until(() => !isRunning(pid))).toBe(true);
}

describe("the real worker", () => {
  it("says who it is, and is gone afterwards", async () => {
    const pid = await withWorker({}, async ({ info, worker }) => {
      expect(info).toMatchObject({ protocol: 1, jax: expect.stringMatching(/^\d/) });
      expect(info.libtpu).toMatch(/^\d/);
      expect(info.cores).toBeGreaterThan(0);
      expect(await worker.request("ping", {})).toEqual({});
      return info.pid;
    });
    await untilGone(pid);
  });

  it("answers an unknown operation with the known ones", async () => {
    const { python } = requirePython();
    const env = workerEnvironment({ devices: 8, dumpFolder: "/nonexistent" });
    const worker = new Worker(new LocalTransport({ python, env }));
    workers.push(worker);
    const error = await failure(worker.request("nonsense", {}));
    expect(error.code).toBe("UNKNOWN_OP");
    expect(error.message).toContain("validate");
  });
});

describe("a worker that", () => {
  it("sends events before its answer has them heard in order", async () => {
    const worker = acting(`
      for (const n of [1, 2, 3]) say({ id: request.id, event: "step", n });
      answer(request.params.of);`);
    const heard: WorkerEvent[] = [];
    const onEvent = (event: WorkerEvent): void => void heard.push(event);
    expect(await worker.request("count", { of: 3 }, { onEvent })).toBe(3);
    expect(heard.map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  it("prints garbage on stdout does not break the protocol", async () => {
    const worker = acting(`
      console.log("E0000 libtpu says hello");
      console.log('{"no":"id"}'); console.log("{"); console.log("[1,2]");
      answer("fine");`);
    expect(await worker.request("any", {})).toBe("fine");
  });

  it("crashes is reported with what it said last, and started again", async () => {
    const worker = acting(`
      if (request.op !== "crash") answer(process.pid);
      else { console.error("the last words"); process.exit(3); }`);
    const first = await worker.request<number>("pid", {});
    const error = await failure(worker.request("crash", {}));
    expect(error.code).toBe("crash");
    expect(error.message).toContain("exit code 3");
    expect(error.stderr).toContain("the last words");
    expect(await worker.request("pid", {})).not.toBe(first);
    expect(worker.starts).toBe(2);
  });

  it.each([
    ["SIGTERM", "lost"],
    ["SIGKILL", "lost"],
    ["SIGINT", "lost"],
    ["SIGSEGV", "crash"],
    ["SIGABRT", "crash"],
  ])("is ended by %s is told as %s", async (signal, code) => {
    const worker = acting(`process.kill(process.pid, "${signal}")`);
    const error = await failure(worker.request("any", {}));
    expect([error.code, error.message]).toEqual([code, `the worker ended: ${signal}`]);
  });

  it("is lost at one request is asked again what stood behind it, and nothing else", async () => {
    const asked = `
      if (request.op === "first") setTimeout(() => process.exit(3), 300);
      if (request.op === "hangs") say({ id: request.id, event: "pulse", seconds: 1, cpu: 1, steps: 0 });
      if (request.op === "hangs") say({ id: request.id, event: "pulse", seconds: 1, cpu: 9, steps: 0 });
      if (request.op === "behind") setTimeout(() => answer(process.pid), 600);`;
    for (const [op, code] of [
      ["first", "crash"],
      ["hangs", "timeout"],
    ] as const) {
      const worker = acting(asked);
      const lost = failure(worker.request(op, {}, { timeout: 5 }));
      const behind = worker.request<number>("behind", {}, { timeout: 5 });
      expect((await lost).code).toBe(code);
      expect(await behind).toBeGreaterThan(0);
      expect(worker.starts).toBe(2);
    }
  });

  it("keeps only the end of a long stderr, without libtpu's noise", async () => {
    const seen: string[] = [];
    const worker = acting(
      `const { writeSync } = require("node:fs");
       for (let n = 0; n < 500; n++) writeSync(2, "line " + n + "\\n");
       writeSync(2, "E0000 unexpected worker hostname\\n");
       process.exit(1);`,
      { onStderr: (text) => seen.push(text) },
    );
    const { stderr } = await failure(worker.request("any", {}));
    expect(stderr.split("\n").length).toBeLessThanOrEqual(40);
    expect(stderr).toContain("line 499");
    expect(stderr).not.toContain("hostname");
    // Verbose shows everything.
    expect(seen.join("")).toContain("hostname");
  });

  /** Says `pulses` of [cpu, steps] one after the other, each a minute of its own, then answers. */
  const pulsing = (pulses: readonly (readonly [number, number])[], news = false): Worker =>
    acting(`
      if (request.op !== "work") return answer("alive");
      say({ id: request.id, event: "pid", pid: process.pid });
      for (const [cpu, steps] of ${JSON.stringify(pulses)}) {
        say({ id: request.id, event: "pulse", seconds: 60, cpu, steps });
        if (${news}) say({ id: request.id, event: "news" });
      }
      if (${pulses.length > 5}) answer("done");`);
  const LIMITS = { timeout: 300, still: 120 };

  it.each([
    [
      "stands still",
      [
        [7, 5],
        [7.1, 5],
        [7.2, 5],
      ],
      "stood still for 120 s",
    ],
    [
      "is busy without an end",
      [
        [7, 5],
        [107, 6],
        [307, 7],
      ],
      "no end after 300 s of processor",
    ],
  ] as const)("%s is ended, and started again", async (_, pulses, why) => {
    const worker = pulsing(pulses);
    let pid = 0;
    const onEvent = (event: WorkerEvent): void => {
      if (event.event === "pid") pid = Number(event.pid);
      // A pulse is no news for anyone else.
      expect(event.event).not.toBe("pulse");
    };
    const error = await failure(worker.request("work", {}, { ...LIMITS, onEvent }));
    expect(error.code).toBe("timeout");
    expect(error.message).toContain(`work: ${why}`);
    await untilGone(pid);
    expect(await worker.request("any", {})).toBe("alive");
  });

  const hours = Array.from({ length: 600 }, (_, minute) => minute);
  it.each([
    // A twentieth of a processor for ten hours.
    [
      "gets little of a busy machine",
      hours.map((n) => [n * 0.4, Math.floor(n / 2)] as const),
      false,
    ],
    ["compiles on a busy machine", hours.slice(0, 90).map((n) => [n * 3, 0] as const), false],
    ["says so each time", hours.map((n) => [n * 200, n] as const), true],
  ])("%s is not ended, however long it takes", async (_, pulses, news) => {
    expect(await pulsing(pulses, news).request("work", {}, LIMITS)).toBe("done");
  });

  it("ignores SIGTERM is ended all the same, with its children", async () => {
    const worker = acting(`
      process.on("SIGTERM", () => {});
      const child = require("node:child_process").spawn(process.execPath,
        ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"]);
      setInterval(() => {}, 1000);
      process.stdin.removeAllListeners("end");
      answer([process.pid, child.pid]);`);
    const [pid = 0, child = 0] = await worker.request<number[]>("pids", {});
    await worker.close();
    await untilGone(pid);
    await untilGone(child);
  });

  it("cannot be started is a crash with a reason", async () => {
    const worker = new Worker(new LocalTransport({ python: "/no/such/python", env: {} }));
    workers.push(worker);
    expect((await failure(worker.request("hello", {}))).code).toBe("crash");
  });

  it("has ended leaves no timer that keeps Node from ending", async () => {
    const program = `
      const ran = [];
      const set = globalThis.setTimeout;
      globalThis.setTimeout = (call, after, ...rest) =>
        set(() => { ran.push(after); call(...rest); }, after);
      const { LocalTransport } = await import("./dist/runner/transport.js");
      const { Worker } = await import("./dist/runner/worker.js");
      const args = ["-e", "process.stdin.resume()"];
      const transport = new LocalTransport({ python: process.execPath, env: {}, args });
      const worker = new Worker(transport);
      worker.request("any", {}).catch(() => {});
      await worker.close();
      process.on("exit", () => console.log(JSON.stringify(ran)));`;
    const args = ["--input-type=module", "-e", program];
    const { stdout } = await execa(process.execPath, args, { cwd: root });
    // A busy machine may see the second in which it must have ended, but not the five of its stderr.
    expect(JSON.parse(stdout)).not.toContain(5000);
  });

  it("is stopped by the user throws the user's reason, not a crash", async () => {
    const controller = new AbortController();
    const worker = acting("", { signal: controller.signal });
    const waiting = worker.request("never", {});
    setTimeout(() => controller.abort(new Error("stopped")), 300);
    await expect(waiting).rejects.toThrow(/stopped|closed/);
    await expect(worker.request("again", {})).rejects.toThrow("stopped");
  });
});
