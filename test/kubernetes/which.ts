import { type KubernetesProgram, missingPrograms, programFolder } from '../../scripts/kubernetes/programs.ts';

/** Says which cluster the end-to-end tests run on: `embedded`, as without it, or `real`. */
export const VARIABLE = 'HAWSER_TEST_CLUSTER';

export type ClusterKind = 'embedded' | 'real';

/** @throws for another value */
export function clusterKind(env: NodeJS.ProcessEnv = process.env): ClusterKind {
  const value = env[VARIABLE] || 'embedded';
  if (value === 'embedded' || value === 'real') return value;
  throw new Error(`${VARIABLE} is embedded or real, not ${value}`);
}

/** The `skip` of a test that needs what only the embedded API server has. */
export function embeddedOnly(what: string): string | false {
  return clusterKind() === 'real' ? `a real cluster has no ${what}` : false;
}

/** What a cluster without nodes of its own consists of. */
const PROGRAMS: readonly KubernetesProgram[] = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

/** The `skip` of a test that needs the programs of a real cluster. */
export function withoutPrograms(): string | false {
  const missing = missingPrograms(programFolder(), PROGRAMS);
  return missing.length === 0 ? false : `there is no ${missing.join(', ')} on this machine: npm run kubernetes makes them`;
}
