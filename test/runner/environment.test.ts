/** A missing or broken Python is a message with a fix, and never a stack trace. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { requirePython } from "../../src/runner/environment.ts";
import { EnvironmentError } from "../../src/runner/errors.ts";
import { withWorker } from "../../src/runner/local.ts";

let folder = "";
const before = process.env.MOEGEN_PYTHON;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moegen-test-"));
});
afterEach(async () => {
  if (before === undefined) delete process.env.MOEGEN_PYTHON;
  else process.env.MOEGEN_PYTHON = before;
  await rm(folder, { recursive: true, force: true });
});

async function failure(): Promise<EnvironmentError> {
  const error = await withWorker({}, async () => undefined).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EnvironmentError);
  return error as EnvironmentError;
}

it("MOEGEN_PYTHON wins", () => {
  process.env.MOEGEN_PYTHON = process.execPath;
  expect(requirePython()).toEqual({ python: process.execPath, source: "MOEGEN_PYTHON" });
});

it("a Python that is not there is named", async () => {
  process.env.MOEGEN_PYTHON = join(folder, "python");
  const error = await failure();
  expect(error.code).toBe("no-python");
  expect(error.message).toContain(folder);
  expect(error.fix).toContain("MOEGEN_PYTHON");
});

it("a Python that does not start says why", async () => {
  const python = join(folder, "python");
  await writeFile(python, "#!/bin/sh\necho 'no module named encodings' >&2\nexit 1\n", {
    mode: 0o755,
  });
  process.env.MOEGEN_PYTHON = python;
  const error = await failure();
  expect(error.code).toBe("broken-python");
  expect(error.message).toContain("no module named encodings");
});

it("a Python without JAX says what it lacks", async () => {
  const python = join(folder, "python");
  const hello = `{"id":1,"ok":true,"result":{"jax":null,"jaxlib":null,"libtpu":"1","numpy":"2"}}`;
  await writeFile(python, `#!/bin/sh\nread line\necho '${hello}'\nread line\n`, { mode: 0o755 });
  process.env.MOEGEN_PYTHON = python;
  const error = await failure();
  expect(error.message).toContain("lacks jax, jaxlib");
});
