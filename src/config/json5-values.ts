import type { KeyPath } from '../core/config-change.ts';

/** What stands at a path; a value may itself be null. */
export type Found = { readonly value: unknown } | null;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A step is read by what it is taken in: `0` is a position in a list and a name in an object. */
function below(value: unknown, step: string | number): Found {
  if (Array.isArray(value)) {
    const index = indexOf(step);
    return index !== null && index < value.length ? { value: value[index] } : null;
  }
  return isObject(value) && Object.hasOwn(value, step) ? { value: value[step] } : null;
}

const indexOf = (step: string | number): number | null => (/^\d+$/.test(String(step)) ? Number(step) : null);

/** Own keys only, so that `__proto__` and `constructor` lead nowhere they are not written. */
export function lookUp(value: unknown, path: KeyPath): Found {
  return path.reduce<Found>((found, step) => (found === null ? null : below(found.value, step)), { value });
}

/**
 * The value as it should be once `found` stands at the path, or nothing where it is null. Changes `value` itself.
 * Null where there is no such place: a scalar in between, or a position beyond the end of a list.
 */
export function placed(value: unknown, path: KeyPath, found: Found): Found {
  const [step, ...rest] = path;
  if (step === undefined) return found;
  const next = below(value, step);
  if (found === null && next === null) return { value };
  const made = next === null && rest.length > 0 ? { value: typeof rest[0] === 'number' ? [] : {} } : next;
  const child = rest.length === 0 ? found : made === null ? null : placed(made.value, rest, found);
  if (child === null && (rest.length > 0 || found !== null)) return null;
  if (Array.isArray(value)) {
    const index = indexOf(step);
    if (index === null || index > value.length) return null;
    if (child === null) value.splice(index, 1);
    else value[index] = child.value;
    return { value };
  }
  if (!isObject(value)) return null;
  if (child === null) delete value[String(step)];
  // An assignment to `__proto__` would change what the object inherits, not what it holds.
  else
    Object.defineProperty(value, step, {
      value: child.value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  return { value };
}
