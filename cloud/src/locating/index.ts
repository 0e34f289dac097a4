export type { NodeFacts, PodFacts, ServiceScope } from './facts.ts';
export {
  AGENT_VERSION_ANNOTATION,
  EDGE_LABEL,
  LINKED_CONDITION,
  nodeFacts,
  podFacts,
  SERVICE_SCOPE_ANNOTATION,
} from './facts.ts';
export type { Located } from './locate.ts';
export { isLocatedByText, locate } from './locate.ts';
export { Locator } from './locator.ts';
export type { NeedChange } from './need-graph.ts';
export { MAX_REFERENCES, references } from './references.ts';
