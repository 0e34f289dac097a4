import type { KubeObject } from '@hawser/protocol';
import { humanDuration } from './duration.ts';

/** Readers of untyped objects for Table cells: whatever is missing or of another type comes out empty. */
export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

export function items(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

export function orNone(value: unknown): string {
  return text(value) || '<none>';
}

export function spec(object: KubeObject): Fields {
  return fields(object.spec);
}

export function status(object: KubeObject): Fields {
  return fields(object.status);
}

/** Time since an RFC 3339 timestamp. */
export function since(timestamp: unknown, now: Date): string {
  const then = Date.parse(text(timestamp));
  return Number.isNaN(then) ? '<unknown>' : humanDuration(now.getTime() - then);
}

export function age(object: KubeObject, now: Date): string {
  return since(object.metadata.creationTimestamp, now);
}

export function size(map: unknown): number {
  return Object.keys(fields(map)).length;
}
