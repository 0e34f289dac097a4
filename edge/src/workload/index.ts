export {
  DEFAULT_TIMINGS,
  EXIT_ANNOTATION,
  HOLLOW_KUBELET_VERSION,
  type HollowNode,
  type HollowNodeOptions,
  type HollowTimings,
  type NodeFacts,
  startHollowNode,
} from './hollow/index.ts';
export { type KubeletLife, type KubeletLifeOptions, watchKubelet } from './kubelet-life.ts';
