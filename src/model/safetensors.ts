/**
 * Headers of safetensors files: the names, types and shapes of a checkpoint's arrays. A header is
 * data: what contradicts itself or its file is an error, nothing is allotted by what it says.
 * Source: huggingface/safetensors, README.md (format) and safetensors/src/tensor.rs (limits).
 */
import { isDict } from "../spec/dict.ts";

/** Bytes before the header: its length. */
export const LENGTH_BYTES = 8;
/** As the reference implementation has it. */
const MOST_HEADER_BYTES = 100_000_000;
const MOST_DIMENSIONS = 8;

const BITS: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32 },
  ...{ I64: 64, U64: 64, F64: 64, C64: 64, F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
};

export interface TensorHeader {
  readonly name: string;
  /** As the format spells it: "BF16", "F8_E4M3". */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What is wrong with a file, in words that go on after its name. */
export class SafetensorsError extends Error {}

/**
 * Bytes of the header that follows the first eight of a file of `fileBytes`.
 *
 * @throws SafetensorsError where no header of that length is in the file.
 */
export function headerLength(first: Uint8Array, fileBytes: number): number {
  if (first.length < LENGTH_BYTES) throw new SafetensorsError("has no room for a header");
  const view = new DataView(first.buffer, first.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(MOST_HEADER_BYTES)) {
    throw new SafetensorsError(
      `says a header of ${length} bytes, ${MOST_HEADER_BYTES} are the most`,
    );
  }
  if (LENGTH_BYTES + Number(length) > fileBytes) {
    throw new SafetensorsError(`says a header of ${length} bytes, the file has ${fileBytes}`);
  }
  return Number(length);
}

/**
 * The arrays that a header names, with `dataBytes` after it, in its order.
 *
 * @throws SafetensorsError for one that contradicts itself or the file.
 */
export function parseHeader(text: string, dataBytes: number): readonly TensorHeader[] {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw new SafetensorsError("has a header that is not JSON");
  }
  if (!isDict(header)) throw new SafetensorsError("has a header that is no JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new SafetensorsError(`names ${JSON.stringify(twice)} twice`);
  const found = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => tensorOf(name, value));
  let end = 0;
  for (const { name, from, to } of [...found].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) {
      const what = from < end ? "begins within the one before" : "leaves bytes before it unnamed";
      throw new SafetensorsError(`has ${name} at byte ${from} of its data: it ${what}`);
    }
    end = to;
  }
  if (end !== dataBytes) {
    throw new SafetensorsError(`names ${end} bytes of data and has ${dataBytes}: not whole`);
  }
  return found.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

interface Placed extends TensorHeader {
  readonly from: number;
  readonly to: number;
}

function tensorOf(name: string, value: unknown): Placed {
  const wrong = (what: string): SafetensorsError =>
    new SafetensorsError(`has ${name} with ${what}`);
  if (!isDict(value)) throw wrong("no description");
  const { dtype, shape, data_offsets: offsets } = value;
  const bits = typeof dtype === "string" && Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined;
  if (typeof dtype !== "string" || bits === undefined) {
    throw wrong(`the type ${JSON.stringify(dtype)}, which is not known`);
  }
  if (!Array.isArray(shape) || shape.length > MOST_DIMENSIONS || !shape.every(isCount)) {
    throw wrong(`the shape ${JSON.stringify(shape)?.slice(0, 80)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw wrong(`data_offsets ${JSON.stringify(offsets)?.slice(0, 80)}`);
  }
  const [from = 0, to = 0]: readonly number[] = offsets;
  // Whole numbers beyond 2^53 are not: such a product is refused by what it is compared with.
  const wanted = (shape.reduce((all: number, size: number) => all * size, 1) * bits) / 8;
  if (to - from !== wanted) {
    throw wrong(`${to - from} bytes, where ${dtype} [${shape.join(", ")}] takes ${wanted}`);
  }
  return { name, dtype, shape, from, to };
}

/** A key that an object of valid JSON has twice; JSON.parse takes the last and says nothing. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let last: string | undefined;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key: unknown = JSON.parse(last ?? '""');
      const keys = open.at(-1);
      if (typeof key !== "string" || keys === undefined) continue;
      if (keys.has(key)) return key;
      keys.add(key);
    } else last = token;
  }
  return undefined;
}
