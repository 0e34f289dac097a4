import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { EdgeStore } from '../store/index.ts';
import type { KubeletLife, RunnerState } from '../workload/index.ts';
import { AGENT_FACTS } from './facts.ts';

/** Leaves in the store what `hawser-agent status` says of the kubelet. */
export function tellKubeletState(state: RunnerState, store: Pick<EdgeStore, 'setFacts'>, clock: Pick<Clock, 'now'>): void {
  const { detail, lastLines = [] } = inWords(state);
  store.setFacts({
    [AGENT_FACTS.kubelet]: state.name,
    [AGENT_FACTS.kubeletSince]: clock.now().toISOString(),
    [AGENT_FACTS.kubeletDetail]: detail,
    [AGENT_FACTS.kubeletLastLines]: lastLines.join('\n'),
    ...(state.name === 'running' ? { [AGENT_FACTS.kubeletVersion]: state.version } : {}),
  });
}

/** The same of whether it renews its Lease, which the log is told too. Returns the end of it. */
export function tellKubeletLife(
  life: Pick<KubeletLife, 'isAlive' | 'onChange'>,
  store: Pick<EdgeStore, 'setFacts'>,
  logger: Pick<Logger, 'info' | 'warn'>,
): () => void {
  const tell = (isAlive: boolean) => store.setFacts({ [AGENT_FACTS.kubeletAlive]: String(isAlive) });
  tell(life.isAlive());
  return life.onChange((isAlive) => {
    tell(isAlive);
    if (isAlive) logger.info('kubelet is alive: it renews its Lease');
    else logger.warn('kubelet is silent: it renews its Lease no more');
  });
}

function inWords(state: RunnerState): { readonly detail: string; readonly lastLines?: readonly string[] } {
  switch (state.name) {
    case 'running':
      return { detail: `pid ${state.pid}${state.ends === 0 ? '' : `, has ended ${state.ends} times in a row before`}` };
    case 'waiting':
      return { detail: `${state.why}${state.ends > 1 ? `, ${state.ends} times in a row` : ''}`, lastLines: state.lastLines };
    case 'blocked':
      return { detail: `another kubelet runs with its configuration (pid ${state.pids.join(', ')}): stop it` };
    case 'clearing':
      return { detail: `one that an agent which was killed has left is ended (pid ${state.pids.join(', ')})` };
    case 'external':
      return { detail: 'systemd runs it: hawser-agent kubelet config -o systemd' };
    case 'stopping':
    case 'stopped':
      return { detail: '' };
  }
}
