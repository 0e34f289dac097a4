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
export {
  configurationText,
  createKubeletRunner,
  type KubeletPlan,
  type KubeletRunner,
  planKubelet,
  type RunnerState,
  type RunnerStats,
  systemProcesses,
  unitLines,
  usualKubelet,
} from './kubelet/index.ts';
export { type KubeletLife, type KubeletLifeOptions, watchKubelet } from './kubelet-life.ts';
