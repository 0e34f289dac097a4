import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface KubeletFacts {
  readonly workload: string;
  readonly running: boolean;
  /** What the agent has last said of it: `running`, `waiting`, … */
  readonly state: string | undefined;
  readonly detail: string | undefined;
  /** Processes with its configuration. */
  readonly pids: readonly number[];
  readonly healthz: { readonly url: string; readonly said: string } | undefined;
  /** `unix:///run/containerd/containerd.sock`, and whether somebody listens there. */
  readonly runtime: { readonly endpoint: string; readonly state: 'listens' | 'missing' | 'refuses' | 'hidden' } | undefined;
  /** What the local API answers to the kubelet's token; undefined where it was not asked. */
  readonly token: { readonly status: number } | { readonly failure: string } | undefined;
  /** Whether the agent hears its Lease. */
  readonly isAlive: boolean;
}

export function judgeKubelet(facts: KubeletFacts): readonly Finding[] {
  const { workload, running, state, detail, pids, healthz, runtime, token, isAlive } = facts;
  if (workload === 'hollow')
    return [
      note('simulated (workload hollow): nothing really runs on this device', 'hawser-agent run --kubelet starts a real one'),
    ];
  if (workload !== 'kubelet') return [ok('none is run by the agent (workload none)')];
  const findings: Finding[] = [];
  if (runtime !== undefined) findings.push(judgeRuntime(runtime));
  if (!running) return [...findings, unseen('no agent runs, so nobody keeps a kubelet')];
  if (pids.length === 0) {
    const why = state === undefined ? '' : `: ${state}${detail === undefined ? '' : `, ${detail}`}`;
    findings.push(
      problem(
        `no kubelet runs${why}`,
        'its last words are in "hawser-agent status"; all of them in the log of the agent ("kubelet says")',
      ),
    );
  } else if (state === 'blocked') {
    findings.push(problem(detail ?? 'another kubelet has its configuration', `stop that one (pid ${pids.join(', ')})`));
  } else if (!isAlive) {
    findings.push(
      problem(
        `runs (pid ${pids.join(', ')}), and does not renew its Lease`,
        'it hangs, or does not reach the local API: look for "kubelet says" in the log of the agent',
      ),
    );
  } else findings.push(ok(`runs (pid ${pids.join(', ')}), and renews its Lease`));
  if (healthz !== undefined && pids.length > 0) {
    findings.push(
      healthz.said === 'ok'
        ? ok('says that it is well', healthz.url)
        : problem(
            `says ${healthz.said}`,
            'look for "kubelet says" in the log of the agent: most often it is the container runtime',
            healthz.url,
          ),
    );
  }
  if (token !== undefined) findings.push(judgeToken(token));
  return findings;
}

function judgeRuntime({ endpoint, state }: NonNullable<KubeletFacts['runtime']>): Finding {
  switch (state) {
    case 'listens':
      return ok('the container runtime listens', endpoint);
    case 'missing':
      return problem(
        'there is no container runtime at that socket',
        'install and start containerd or CRI-O; another socket is named by containerRuntimeEndpoint in the file of kubelet.config',
        endpoint,
      );
    case 'refuses':
      return problem(
        'the socket is there, and nobody listens',
        'start the container runtime: systemctl start containerd',
        endpoint,
      );
    case 'hidden':
      return unseen('this user may not reach the socket', 'run it as root: sudo hawser-agent doctor', endpoint);
  }
}

function judgeToken(token: NonNullable<KubeletFacts['token']>): Finding {
  if ('failure' in token) return unseen(`the local API was not asked with the kubelet's token: ${token.failure}`);
  if (token.status === 200 || token.status === 404) return ok("the local API knows the kubelet's token");
  return problem(
    `the local API answers ${token.status} to the kubelet's token`,
    'make new tokens: hawser-agent kubeconfig --rotate > /dev/null',
  );
}
