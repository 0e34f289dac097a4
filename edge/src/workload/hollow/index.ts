export { EXIT_ANNOTATION } from './exit-plan.ts';
export { type HollowNode, type HollowNodeOptions, startHollowNode } from './hollow-node.ts';
export { HOLLOW_KUBELET_VERSION, type NodeFacts } from './node-object.ts';
export { DEFAULT_TIMINGS, type HollowTimings } from './timings.ts';
