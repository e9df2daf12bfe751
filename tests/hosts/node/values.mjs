// Values of the contract: as JSON in the WIT's spelling, and as jco has them, in camelCase and with 64-bit
// integers as BigInt. A digest is more than a JSON number holds here: it becomes text, which jco takes, too.
const renamed = (value, rename) => {
  if (Array.isArray(value)) return value.map((entry) => renamed(entry, rename));
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [rename(name), renamed(entry, rename)]));
};
export const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
export const fromJson = (value) => renamed(value, camel);
export const toJson = (value) => renamed(value, kebab);
