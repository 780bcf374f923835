/** JSON Merge Patch (RFC 7396): objects are merged key by key, null takes a key away, anything else replaces. */

type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `target` changed as `patch` says; neither is altered. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** Whether `patch` takes away the value at `path`, or something that holds it. */
export function takesAway(patch: unknown, path: readonly string[]): boolean {
  if (patch === null) return true;
  const [key, ...rest] = path;
  if (key === undefined || !isObject(patch) || !Object.hasOwn(patch, key)) return false;
  return takesAway(patch[key], rest);
}

/** The patch that puts `value` at `path`, in place of what is there: an object is not merged into another. */
export function replaceAt(target: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const object = isObject(target) ? target : {};
  const inner = Object.hasOwn(object, key) ? object[key] : undefined;
  return Object.fromEntries([
    ...Object.entries(object).filter(([name]) => name !== key),
    [key, replaceAt(inner, rest, value)],
  ]);
}
