/**
 * What a source tree that kernels can be built into must say of itself: one folder each, with the
 * same file names in each, plus one line in `registry.ts`. All of it is data; the engine that
 * reads a tree, writes it and takes it back again is `src/into/`.
 *
 * - `index.ts`    the `Tree`: name, probes, and the parts below put together
 * - `surface.ts`  the `Surface`, and `adapt`: a spec's layer as this tree needs it, or why not
 * - `files.ts`    new files: template and context, from the kernels that are in the tree
 * - `edits.ts`    edits to files that are there: a plain list, see `edit.ts`; and the surfaces in
 *                 which trees of the kind differ, each with its known forms
 *
 * Templates of new files are in `templates/<folder>/NAME.py.hbs`; one that several trees share has a
 * folder of its own. Nothing of a tree is decided by a version number.
 */
import type { LayerSpec, WeightLayout } from "../../spec/layer.ts";
import type { ExpressionAnchor, FileEdits, StatementAnchor } from "./edit.ts";

/**
 * A file that must be there, with the symbols that must and must not be in it. A symbol is a dotted
 * path of classes, functions and assigned names ("EPMoE.__call__", "ModelImpl.AUTO"); one parameter
 * of a function is `"EPMoE.__init__(mesh)"`.
 */
export interface Probe {
  /** Below the tree, with `/`. */
  readonly path: string;
  readonly has?: readonly string[];
  /** What other trees, or an edited one, have: found, the tree is another or half-edited. */
  readonly lacks?: readonly string[];
  /** The file must not be there. */
  readonly absent?: true;
  /** Places of which there must be none. */
  readonly nowhere?: readonly (StatementAnchor | ExpressionAnchor)[];
}

/** What templates of new files are told of the forms that were found. */
export type Facts = Readonly<Record<string, string | boolean>>;

/**
 * One known way in which a tree does something. It is found where its probes hold and every place
 * of its edits is there, once: what could not be edited is not taken for known.
 */
export interface Form {
  /** Short, for tables: "v2". */
  readonly name: string;
  readonly probes: readonly Probe[];
  readonly edits: readonly FileEdits[];
  readonly facts?: Facts;
  /** The model that can use a generated kernel where the form is found. */
  readonly host?: HostedModel;
}

/** What differs from tree to tree of one kind: back end, layer, loader, each model, test suite. */
export interface Varying {
  /** For people: "fused layer", "model Grok". */
  readonly what: string;
  /** Without a known form of it the tree is refused; else it is left alone, and the build says so. */
  readonly needed: boolean;
  /** The first that is found counts. */
  readonly forms: readonly [Form, ...Form[]];
}

/** How the tree's layers call a fused kernel: what a spec cannot know. */
export interface Surface {
  /** Top-k in the kernel from what the gate returns, or given by the model. */
  readonly routing: "kernel" | "given";
  /** What the gate returns. */
  readonly gate: "logits" | "scores";
  /** How the gate and up weights lie in the layer's parameters. */
  readonly weights: WeightLayout;
  /** All axes of the mesh, outermost first. */
  readonly meshAxes: readonly string[];
  /** Those that experts are spread over. */
  readonly epAxes: readonly [string, ...string[]];
  /** Its layers multiply rows of 8 bits where a model's quantization config says so. Absent: never. */
  readonly eightBitActivations?: true;
  /** The JAX that the tree pins, for the environment its tests run in. */
  readonly jax: string;
}

/** A kernel that is in the tree: what the shared files need to know of each. Kept in the manifest. */
export interface HostedKernel {
  /** Python package name, an identifier. */
  readonly name: string;
  /** As the tree needs it (see `Tree.adapt`), which need not be as the spec says. */
  readonly layer: LayerSpec;
  readonly mesh: { readonly ep: number; readonly axes: readonly string[] };
  /** Largest T of each token bucket, ascending. */
  readonly buckets: readonly number[];
  /** Its tile table carries predicted times. */
  readonly predicted?: true;
}

export type Adapted =
  | {
      readonly layer: LayerSpec;
      /** What was changed and why, one sentence each; shown to the user. */
      readonly remarks: readonly string[];
    }
  /** Why this tree cannot serve such a layer, one sentence each with the way out. */
  | { readonly refused: readonly [string, ...string[]] };

/** A new file of the tree. */
export interface TreeFile {
  /** Below the tree, with `/`. */
  readonly path: string;
  /** Path below `templates/`, without `.py.hbs`. */
  readonly template: string;
  readonly context: Readonly<Record<string, unknown>>;
}

/** Where a model's configuration says what its layers ask of a kernel; of names, the first that it has. */
export interface ConfigFields {
  /** The part of the configuration that has them, where there is one: "text_config". */
  readonly part?: readonly string[];
  readonly experts: readonly [string, ...string[]];
  /** Absent: `num_experts_per_tok`. */
  readonly topK?: readonly [string, ...string[]];
  readonly intermediate: readonly [string, ...string[]];
  /** Absent: silu. */
  readonly activation?: "gelu";
  /** The back end that the model has where no kernel was made for it. Absent: as others. */
  readonly otherwise?: "fused";
  /** What quantises the model's linear layers does not reach its experts. */
  readonly plainExperts?: true;
}

/** A model of the tree that can use a fused kernel. */
export interface HostedModel {
  /** "Qwen3-MoE". */
  readonly title: string;
  /** As in the checkpoint's `config.json`. */
  readonly architectures: readonly string[];
  /** For trees whose files are told of their models. */
  readonly config?: ConfigFields;
}

export interface Tree {
  /** Key of `registry.ts`. */
  readonly name: string;
  /** For people: "sglang-jax 0.0.2 from PyPI". */
  readonly title: string;
  /** All of them hold in this tree and in no other. */
  readonly probes: readonly Probe[];
  readonly surface: Surface;
  readonly hosts: readonly HostedModel[];
  /** Makes a spec's layer one that computes exactly what the tree's own layer does. */
  readonly adapt: (layer: LayerSpec, facts?: Facts) => Adapted;
  /** Folder that gets one package for each kernel, below the tree. */
  readonly kernelFolder: string;
  /** Top-level package, for isort. */
  readonly firstParty: string;
  /** New files beside the kernel packages. Their paths are the same for any kernels, and for none. */
  readonly files: (
    kernels: readonly HostedKernel[],
    facts?: Facts,
    hosts?: readonly HostedModel[],
  ) => readonly TreeFile[];
  /** Those that every tree of the kind gets. */
  readonly edits: readonly FileEdits[];
  /** What differs among them; absent: nothing does. */
  readonly surfaces?: readonly Varying[];
}
