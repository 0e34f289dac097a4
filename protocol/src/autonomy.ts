import { type JsonObject, type JsonValue, MIRROR_ANNOTATION } from './kubernetes/object.ts';
import { isJsonObject } from './kubernetes/patch/index.ts';

/** On a Node: for how long its pods are kept from eviction while only its link is down. `72h`, `1d12h`, or `forever`. */
export const AUTONOMY_ANNOTATION = 'hawser.dev/autonomy';
/** On a Node: after how long without a link its device ends its pods by itself. `71h`. */
export const STOP_AFTER_ANNOTATION = 'hawser.dev/autonomy-stop-after';

/** Seconds, or without end. */
export type Span = number | 'forever';

const SECONDS = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;
const GRAMMAR = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/;
/** Ten years. Kubernetes counts in nanoseconds of 64 bits, 292 years. */
export const MAX_SPAN_SECONDS = 3_650 * SECONDS.d;

/**
 * span := [days "d"] [hours "h"] [minutes "m"] [seconds "s"], at least one of them, whole numbers.
 * @returns seconds from 1 to MAX_SPAN_SECONDS; undefined for anything else
 */
export function parseSpan(text: string): number | undefined {
  const parts = GRAMMAR.exec(text);
  if (parts === null) return undefined;
  const [, d = '0', h = '0', m = '0', s = '0'] = parts;
  const seconds = Number(d) * SECONDS.d + Number(h) * SECONDS.h + Number(m) * SECONDS.m + Number(s);
  return seconds >= 1 && seconds <= MAX_SPAN_SECONDS ? seconds : undefined;
}

/** A span, or the word `forever`. */
export function parseAutonomy(text: string): Span | undefined {
  return text === 'forever' ? 'forever' : parseSpan(text);
}

export function longerSpan(a: Span, b: Span): Span {
  return a === 'forever' || b === 'forever' ? 'forever' : Math.max(a, b);
}

/** The taint of a node that has not been heard of (Kubernetes, well-known taints). */
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable';
/**
 * On a pod whose toleration was lengthened: what was set, and what stood there before. `259200 (was 300)`; 0 where it tolerated the
 * taint not at all.
 */
export const TOLERATES_ANNOTATION = 'hawser.dev/tolerates-unreachable';

/** How a pod stands to the taint `unreachable:NoExecute`. */
export interface Tolerance {
  readonly tolerations: readonly JsonObject[];
  /** Index of the toleration that decides, the first that matches (Kubernetes' taint eviction controller); -1: none does. */
  readonly deciding: number;
  /** Seconds under the taint, as the tolerations say it; 0 where none matches. */
  readonly current: Span;
  /** What was set in place of what, if the pod says so. */
  readonly mark: { readonly set: Span; readonly before: Span } | undefined;
}

/** @param pod of any shape: what is not as it should be counts as not there */
export function toleranceOf(pod: JsonObject): Tolerance {
  const tolerations = listOf(objectOf(pod.spec).tolerations);
  const deciding = tolerations.findIndex(toleratesUnreachable);
  return {
    tolerations,
    deciding,
    current: secondsOf(tolerations[deciding]),
    mark: readMark(annotationsOf(pod)[TOLERATES_ANNOTATION]),
  };
}

/** A pod that is neither static, nor finished, nor ending: one that the cluster might evict. */
export function mayBeEvicted(pod: JsonObject): boolean {
  const { phase } = objectOf(pod.status);
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return objectOf(pod.metadata).deletionTimestamp === undefined && annotationsOf(pod)[MIRROR_ANNOTATION] === undefined;
}

/** {} where there are none. */
export function annotationsOf(object: JsonObject): JsonObject {
  return objectOf(objectOf(object.metadata).annotations);
}

/** core/v1 Toleration against a taint without a value. */
function toleratesUnreachable({ key = '', operator = '', effect = '', value = '' }: JsonObject): boolean {
  if (effect !== '' && effect !== 'NoExecute') return false;
  if (key !== '' && key !== UNREACHABLE_TAINT) return false;
  return operator === 'Exists' || ((operator === '' || operator === 'Equal') && key !== '' && value === '');
}

function secondsOf(toleration: JsonObject | undefined): Span {
  if (toleration === undefined) return 0;
  const { tolerationSeconds } = toleration;
  return typeof tolerationSeconds === 'number' ? Math.max(0, tolerationSeconds) : 'forever';
}

/** Undefined where there is none, or somebody wrote something else there. */
function readMark(text: JsonValue | undefined): Tolerance['mark'] {
  const parts = typeof text === 'string' ? /^(\d{1,19}|forever) \(was (\d{1,19})\)$/.exec(text) : null;
  if (parts === null) return undefined;
  const [, set = '', before = ''] = parts;
  return { set: set === 'forever' ? 'forever' : Number(set), before: Number(before) };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
