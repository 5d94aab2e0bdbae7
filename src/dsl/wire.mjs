/**
 * Values on their way between the process that runs a spec and the one that reads it: whatever a spec
 * exports or throws, with the marks of `brand.ts`, as data that structured cloning takes.
 */

const SPEC = Symbol.for("moegen.spec");
const ORIGIN = Symbol.for("moegen.layer-origin");

/**
 * @typedef {{ kind: "value", value: unknown } | { kind: "function" } | { kind: "symbol" }
 *   | { kind: "list", items: Node[] }
 *   | { kind: "object", members: [string, Node][], spec: boolean, origin?: Node | undefined }} Node
 */

/**
 * A value as data. `seen` keeps what is in it twice, or around itself, one object; functions and
 * symbols are told by their kind alone.
 * @param {unknown} value
 * @param {Map<object, Node>} seen
 * @returns {Node}
 */
export function encode(value, seen = new Map()) {
  if (typeof value === "function") return { kind: "function" };
  if (typeof value === "symbol") return { kind: "symbol" };
  if (typeof value !== "object" || value === null) return { kind: "value", value };
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    /** @type {Extract<Node, { kind: "list" }>} */
    const list = { kind: "list", items: [] };
    seen.set(value, list);
    for (const item of value) list.items.push(encode(item, seen));
    return list;
  }
  /** @type {Extract<Node, { kind: "object" }>} */
  const object = { kind: "object", members: [], spec: Reflect.get(value, SPEC) === true };
  seen.set(value, object);
  for (const [name, member] of Object.entries(value)) {
    object.members.push([name, encode(member, seen)]);
  }
  const origin = Reflect.get(value, ORIGIN);
  if (origin !== undefined) object.origin = encode(origin, seen);
  return object;
}

/**
 * The value that was encoded: equal, frozen, with the marks; its functions do nothing.
 * @param {Node} node
 * @param {Map<Node, unknown>} seen
 * @returns {unknown}
 */
export function decode(node, seen = new Map()) {
  if (node.kind === "value") return node.value;
  if (node.kind === "function") return () => {};
  if (node.kind === "symbol") return Symbol();
  if (seen.has(node)) return seen.get(node);
  if (node.kind === "list") {
    /** @type {unknown[]} */
    const list = [];
    seen.set(node, list);
    for (const item of node.items) list.push(decode(item, seen));
    return Object.freeze(list);
  }
  const object = {};
  seen.set(node, object);
  for (const [name, member] of node.members) {
    // `__proto__` too is a name like any other.
    const value = decode(member, seen);
    Object.defineProperty(object, name, { value, enumerable: true });
  }
  if (node.spec) Object.defineProperty(object, SPEC, { value: true });
  if (node.origin !== undefined) {
    Object.defineProperty(object, ORIGIN, { value: decode(node.origin, seen) });
  }
  return Object.freeze(object);
}
