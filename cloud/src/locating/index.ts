export type { NodeFacts, PodFacts } from './facts.ts';
export { EDGE_LABEL, nodeFacts, podFacts } from './facts.ts';
export type { NeedChange } from './locator.ts';
export { Locator } from './locator.ts';
export { MAX_REFERENCES, references } from './references.ts';
