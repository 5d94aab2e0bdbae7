/** A checkpoint's folder: its config, and what the headers of its safetensors files say of the experts. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { layerOrigin } from "../../dsl/brand.ts";
import { confirmExperts } from "../../model/expert-tensors.ts";
import {
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  SafetensorsError,
  type TensorHeader,
} from "../../model/safetensors.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { UsageError } from "../failure.ts";
import { namesIn, refuseSpecial } from "../files.ts";
import { readJsonObject } from "./json-file.ts";

const SUFFIX = ".safetensors";
const INDEX = "model.safetensors.index.json";

/** The config of a checkpoint: `path` itself, or the config.json in the folder that it is. */
export function configIn(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    ? join(path, "config.json")
    : path;
}

/**
 * What the weights in a folder say of the layer that its config describes.
 *
 * @throws UsageError where they say another, or cannot be read.
 */
export function confirmed(folder: string, layer: LayerSpec): readonly string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${folder} is no folder; --checkpoint names the one with the weights`);
  }
  const files = filesOf(folder);
  const tensors = files.flatMap((file) => headerOf(join(folder, file)));
  const { agreed, wrong } = confirmExperts(tensors, layer, layerOrigin(layer)?.layers);
  if (wrong.length > 0) throw new UsageError(`${folder}: ${wrong.join("; ")}`);
  return agreed.map((text) => `the checkpoint has ${text}: as the config says`);
}

/** Files of weights: those that the index names, or all there are. */
function filesOf(folder: string): readonly string[] {
  const index = join(folder, INDEX);
  if (!existsSync(index)) {
    const found = namesIn(folder).filter((name) => name.endsWith(SUFFIX));
    if (found.length === 0) throw new UsageError(`${folder} has no ${SUFFIX} file`);
    return found;
  }
  const { weight_map: map } = readJsonObject(index).value;
  const names = typeof map === "object" && map !== null ? [...new Set(Object.values(map))] : [];
  return names.map((name: unknown) => {
    // A file of this folder and no other, whatever the index says.
    if (typeof name !== "string" || basename(name) !== name || !name.endsWith(SUFFIX)) {
      throw new UsageError(`${index} names ${JSON.stringify(name)}, no ${SUFFIX} file beside it`);
    }
    if (!existsSync(join(folder, name))) {
      throw new UsageError(`${index} names ${name}, which is not there: not all is downloaded`);
    }
    return name;
  });
}

function headerOf(path: string): readonly TensorHeader[] {
  refuseSpecial(path, "a checkpoint's weights are plain files");
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const length = headerLength(bytesAt(file, 0, LENGTH_BYTES), size);
    const bytes = bytesAt(file, LENGTH_BYTES, length);
    return parseHeader(textOf(bytes), size - LENGTH_BYTES - length);
  } catch (thrown) {
    if (!(thrown instanceof SafetensorsError)) throw thrown;
    throw new UsageError(`${path} ${thrown.message}`);
  } finally {
    closeSync(file);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SafetensorsError("has a header that is not UTF-8");
  }
}

/** Up to `count` bytes from `at`: fewer where the file ends. */
function bytesAt(file: number, at: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let read = 0;
  while (read < count) {
    const more = readSync(file, bytes, read, count - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}
