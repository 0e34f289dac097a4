import { createHash } from 'node:crypto';

/** An object's name is a DNS subdomain of at most so many characters (Kubernetes, "Object Names and IDs"). */
const MAX_NAME = 253;
const HASH_DIGITS = 16;

/**
 * The name of an object of ours that is about `text`, such as a node's name. Two texts never share one: what may not stand in a name,
 * or would make it too long, is replaced, and a hash of the whole keeps the names apart.
 */
export function objectNameFor(prefix: string, text: string): string {
  const fits = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);
  if (fits && prefix.length + text.length <= MAX_NAME) return `${prefix}${text}`;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
  const room = MAX_NAME - prefix.length - HASH_DIGITS - 1;
  const cleaned = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, room)
    .replaceAll(/^-+|-+$/g, '');
  return cleaned === '' ? `${prefix}${hash}` : `${prefix}${cleaned}-${hash}`;
}
