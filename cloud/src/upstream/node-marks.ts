/** What the relay sets on the Nodes of its devices, each once in the life of a Node: a kubelet may not set all of it on itself. */
export interface NodeMarks {
  /** `node-role.kubernetes.io/edge`. */
  readonly edgeLabel: boolean;
  readonly labels: readonly NodeLabel[];
  readonly taints: readonly NodeTaint[];
}

export interface NodeLabel {
  readonly key: string;
  readonly value: string;
}

export interface NodeTaint {
  readonly key: string;
  readonly value: string;
  readonly effect: TaintEffect;
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;
export type TaintEffect = (typeof EFFECTS)[number];

/** Labels, and taints, that the settings may name: they and their names must fit into an annotation and a person's head. */
export const MAX_MARKS = 32;

/** Kubernetes, "Labels and Selectors", syntax: an optional DNS subdomain of at most 253 characters and a slash, then a name. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** `key=value`, or `key` for an empty value. @returns undefined for what is no label */
export function parseLabel(text: string): NodeLabel | undefined {
  const [key = '', ...values] = text.split('=');
  const value = values[0] ?? '';
  return values.length <= 1 && isKey(key) && isValue(value) ? { key, value } : undefined;
}

/** `key=value:Effect` or `key:Effect`. @returns undefined for what is no taint */
export function parseTaint(text: string): NodeTaint | undefined {
  const colon = text.lastIndexOf(':');
  const effect = EFFECTS.find((known) => known === text.slice(colon + 1));
  const label = colon < 0 ? undefined : parseLabel(text.slice(0, colon));
  return effect === undefined || label === undefined ? undefined : { ...label, effect };
}

/** Taints are told apart by key and effect. */
export function nameOfTaint({ key, effect }: NodeTaint): string {
  return `${key}:${effect}`;
}

/** Of texts that `parseLabel` and `parseTaint` take. */
export function nodeMarks(edgeLabel: boolean, labels: readonly string[], taints: readonly string[]): NodeMarks {
  return {
    edgeLabel,
    labels: labels.map(parseLabel).filter((label) => label !== undefined),
    taints: taints.map(parseTaint).filter((taint) => taint !== undefined),
  };
}

function isKey(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash < 0) return NAME.test(key);
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && PREFIX.test(prefix) && NAME.test(key.slice(slash + 1));
}

function isValue(value: string): boolean {
  return value === '' || NAME.test(value);
}
