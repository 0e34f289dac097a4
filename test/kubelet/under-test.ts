import { NODE } from '../support/processes.ts';

/** Which kubelet a test or benchmark runs. */
export type KubeletUnderTest =
  /**
   * The one that KUBELET names. It takes `--kubeconfig` and `--config` (as the agent writes them for one that it starts, or by the lines
   * that it prints for systemd), needs a container runtime and root, and its pods are real: a test waits for what the API says of them.
   */
  | { readonly type: 'real'; readonly program: string }
  /** `program` with `args`, and then the options of test/kubelet/main.ts. `why`: the reason for figures that only a real one can give. */
  | { readonly type: 'played'; readonly program: string; readonly args: readonly string[]; readonly why: string };

const MAIN = 'test/kubelet/main.ts';

/** @param environment its KUBELET is a path of a kubelet's program; absent or empty: the played one */
export function kubeletUnderTest(environment: Readonly<Record<string, string | undefined>> = process.env): KubeletUnderTest {
  const { KUBELET: program = '' } = environment;
  if (program !== '') return { type: 'real', program };
  return { type: 'played', program: NODE, args: [MAIN], why: 'KUBELET names no kubelet: a played one ran in its place' };
}
