import { isDeepStrictEqual } from 'node:util';
import type { Answer } from './http/client.ts';
import type { KubeList, KubeObject } from './http/objects.ts';

/** The server is not as Kubernetes says: the message says how, in words for a person. */
export class Failed extends Error {
  override readonly name = 'Failed';
}

/** The check does not fit this server: the message says why. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';
}

/** Characters of a value that a message shows. */
const MAX_SHOWN = 600;

/** @throws Failed */
export function expect(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Failed(why);
}

/** @throws Failed with both values */
export function expectEqual(what: string, actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) throw new Failed(`${what}: ${show(actual)}, where ${show(wanted)} was to come`);
}

/** @throws Failed unless the answer has one of the statuses */
export function expectStatus(what: string, answer: Answer, ...wanted: readonly number[]): void {
  if (wanted.includes(answer.status)) return;
  throw new Failed(`${what}: answered ${answer.status} and not ${wanted.join(' or ')}: ${answer.text.slice(0, MAX_SHOWN)}`);
}

/** An answer of 200 or 201 with an object. @throws Failed */
export function objectOf(what: string, answer: Answer): KubeObject {
  expectStatus(what, answer, 200, 201);
  if (answer.object === undefined) throw new Failed(`${what}: answered no JSON object: ${answer.text.slice(0, MAX_SHOWN)}`);
  return answer.object;
}

/** An answer of 200 with a list. @throws Failed */
export function listOf(what: string, answer: Answer): KubeList {
  const object = objectOf(what, answer);
  if (!isList(object)) throw new Failed(`${what}: answered no list: ${answer.text.slice(0, MAX_SHOWN)}`);
  return object;
}

/** A refusal that is a Status of that code and reason. `reason` undefined: any, or none. @throws Failed */
export function expectRefused(what: string, answer: Answer, code: number | readonly number[], reason?: string): void {
  expectStatus(what, answer, ...[code].flat());
  expectEqual(`${what}: kind of the refusal`, [answer.failure.kind, answer.failure.status], ['Status', 'Failure']);
  expectEqual(`${what}: code in the Status`, answer.failure.code, answer.status);
  expect(answer.failure.message !== undefined && answer.failure.message !== '', `${what}: the Status has no message`);
  if (reason !== undefined) expectEqual(`${what}: reason`, answer.failure.reason, reason);
}

export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function isList(object: KubeObject): object is KubeList {
  return Array.isArray(object.items);
}
