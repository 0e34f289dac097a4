export { unitLines } from './arguments.ts';
export { configurationText } from './files.ts';
export { usualKubelet } from './find.ts';
export { kubeletPaths } from './paths.ts';
export { type KubeletPlan, type KubeletSettings, planKubelet } from './plan.ts';
export { findKubelets, systemProcesses } from './processes.ts';
export { createKubeletRunner, type KubeletRunner, type RunnerState, type RunnerStats } from './runner.ts';
export { kubeletConfiguration } from './template.ts';
