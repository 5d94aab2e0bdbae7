/** What is made once for an object and a key, and kept as long as the object. */
export function onceFor<Owner extends object, Value>(): (
  owner: Owner,
  key: string,
  make: () => Value,
) => Value {
  const owners = new WeakMap<Owner, Map<string, Value>>();
  return (owner, key, make) => {
    const known = owners.get(owner) ?? new Map<string, Value>();
    owners.set(owner, known);
    const value = known.get(key) ?? make();
    known.set(key, value);
    return value;
  };
}
