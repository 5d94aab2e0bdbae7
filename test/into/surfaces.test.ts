/** A tree is the set of forms that are found of its surfaces. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { IntoError } from "../../src/into/errors.ts";
import { recognise } from "../../src/into/recognise.ts";
import { type TreeWorker, withTreeWorker } from "../../src/into/tree-worker.ts";
import { packaged } from "../../src/target/tree/packaged.ts";
import { pypi } from "../../src/target/tree/pypi/index.ts";
import type { Form, Tree } from "../../src/target/tree/tree.ts";

const CONFIG = "python/pkg/config.py";
const MODEL = "python/pkg/model.py";

/** A back end after the last one of an enum. */
function after(last: string, lacks: readonly string[] = []): Form {
  return {
    name: last,
    probes: [{ path: CONFIG, lacks }],
    edits: [
      {
        path: CONFIG,
        edits: [
          {
            edit: "insert",
            where: "after",
            at: { in: "Backend", statement: `${last} = ...` },
            code: "MINE = 3",
          },
        ],
      },
    ],
    facts: { last },
  };
}

const place = { in: "Model.__init__", expression: 'self.backend == "fused"' } as const;
const scales = { in: "Model.load", expression: 'backend == "fused"' } as const;
const model = (
  name: string,
  further: readonly (typeof scales)[],
  nowhere: readonly (typeof scales)[],
) =>
  ({
    name,
    probes: [{ path: MODEL, nowhere }],
    edits: [
      {
        path: MODEL,
        edits: [place, ...further].map((at) => ({ edit: "rewrite", at, code: "True" }) as const),
      },
    ],
    host: { title: "Model", architectures: ["Model"] },
  }) satisfies Form;

const kind: Tree = {
  ...pypi,
  name: "kind",
  title: "a kind of tree",
  probes: [{ path: CONFIG, has: ["Backend"] }],
  hosts: [],
  edits: [],
  surfaces: [
    {
      what: "back-end enum",
      needed: true,
      forms: [after("FUSED_V2"), after("FUSED", ["Backend.FUSED_V2"])],
    },
    {
      what: "model Model",
      needed: false,
      forms: [model("with scales", [scales], []), model("without", [], [scales])],
    },
  ],
};

const OLD = "class Backend:\n    FUSED = 1\n";
const NEW = `${OLD}    FUSED_V2 = 2\n`;
const PLAIN =
  'class Model:\n    def __init__(self):\n        self.fused = self.backend == "fused"\n';
const SCALED = `${PLAIN}\n    def load(self, backend):\n        return backend == "fused"\n`;

let worker: TreeWorker;
let end = (): void => undefined;
let ended: Promise<void>;

beforeAll(async () => {
  await new Promise<void>((started, failed) => {
    ended = withTreeWorker("/nowhere", undefined, (one) => {
      worker = one;
      started();
      return new Promise<void>((done) => {
        end = done;
      });
    });
    ended.catch(failed);
  });
});

afterAll(async () => {
  end();
  await ended;
});

/** Recognised in these files, or the error. */
async function seen(files: Readonly<Record<string, string>>, known = kind) {
  return recognise((path) => files[path], worker, { known });
}

async function refused(files: Readonly<Record<string, string>>): Promise<string> {
  const error = await seen(files).then(
    () => new Error("recognised"),
    (one: unknown) => one as IntoError,
  );
  return error.message;
}

test("the first form that is there, its facts and its edits", async () => {
  const found = await Promise.all([
    seen({ [CONFIG]: OLD, [MODEL]: PLAIN }),
    seen({ [CONFIG]: NEW, [MODEL]: SCALED }),
  ]);
  const forms = found.map(({ surfaces }) => surfaces.map(({ form }) => form?.name));
  expect(forms).toEqual([
    ["FUSED", "without"],
    ["FUSED_V2", "with scales"],
  ]);
  expect(found.map(({ tree }) => tree.edits.map(({ edits }) => edits.length))).toEqual([
    [1, 1],
    [1, 2],
  ]);
  expect(found[0]?.tree.hosts.map(({ title }) => title)).toEqual(["Model"]);
  expect(found.flatMap(({ remarks }) => remarks)).toEqual([]);
});

test("a place twice, or changed, is no known form: the model is not served by half", async () => {
  const twice = SCALED.replace("return ", 'return backend == "fused" or ');
  expect(await refused({ [CONFIG]: OLD, [MODEL]: twice })).toContain(
    'model Model: python/pkg/model.py: expected `backend == "fused"` in Model.load',
  );
});

test("a refusal names the surface, what was looked for and what was found", async () => {
  const message = await refused({ [CONFIG]: "class Backend:\n    FUSE = 1\n", [MODEL]: PLAIN });
  expect(message).toContain("nearest: a kind of tree");
  expect(message).toContain(
    `back-end enum: ${CONFIG}: expected \`FUSED_V2 = ...\` in Backend; found `,
  );
});

test("what is not needed is left alone and said; a tree without any model is none", async () => {
  const hosted = { ...kind, hosts: [{ title: "Other", architectures: ["Other"] }] };
  const { tree, remarks } = await seen(
    { [CONFIG]: NEW, [MODEL]: "class Model:\n    pass\n" },
    hosted,
  );
  expect(tree.hosts.map(({ title }) => title)).toEqual(["Other"]);
  expect(remarks).toEqual([expect.stringContaining(`model Model left alone`)]);
  expect(remarks[0]).toContain(`${MODEL}: expected `);
  expect(await refused({ [CONFIG]: NEW })).toContain("model Model");
});

test("a model that the tree has not is nothing to speak of", async () => {
  const hosted = { ...kind, hosts: [{ title: "Other", architectures: ["Other"] }] };
  const { tree, remarks } = await seen({ [CONFIG]: NEW }, hosted);
  expect([tree.hosts.map(({ title }) => title), remarks]).toEqual([["Other"], []]);
});

test("the same tree as its package", async () => {
  const files = { "pkg/config.py": NEW, "pkg/model.py": SCALED };
  const { tree } = await seen(files, packaged(kind, "known", "its package"));
  expect(tree.edits.map(({ path }) => path)).toEqual(["pkg/config.py", "pkg/model.py"]);
  expect(await refused(files)).toContain("expected the file; found none");
});
