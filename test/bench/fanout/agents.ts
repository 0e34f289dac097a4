/** A process of many agents: link and sync of the product, a store in memory, no workload. Started by the benchmark. */
import { AGENT_VERSION, connectLink, createSync, DEFAULT_BACKOFF, fixedCredentials, systemClock } from '@hawser/edge';
import { pino } from 'pino';
import { createAuthority, issueNodeCertificate } from '../../support/pki.ts';
import { concurrently } from '../concurrently.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Failed } from '../worker.ts';
import { LightStore } from './light-store.ts';
import type { FromAgents, ToAgents } from './messages.ts';

/** Agents that dial and sync at the same time: the relay takes 256 handshakes at a time, and there are a few such processes. */
const AT_A_TIME = 48;
/** Told so often how many are in sync. */
const TELL_EVERY = 250;

/** The relay is to deliver, and to renew no Leases beside it. */
const NO_KUBELET = { isAlive: () => false, onChange: () => () => {} };

type Begin = Extract<ToAgents, { type: 'begin' }>;

/** A link that fails says why: nothing is to fail here. */
const logger = pino({ level: 'warn' }, pino.destination(2));
/** The newest version of the watched object, and when each agent had applied and acknowledged it. */
let newest: { readonly resourceVersion: string; readonly at: number[] } = { resourceVersion: '', at: [] };
let agentCount = 0;
let asked: string | undefined;

function tell(message: FromAgents | Failed): void {
  // Where nobody listens any more, this process is about to end.
  process.send?.(message, () => undefined);
}

function noteApplied(resourceVersion: string): void {
  if (newest.resourceVersion !== resourceVersion) newest = { resourceVersion, at: [] };
  newest.at.push(monotonicMs());
  answer();
}

function answer(): void {
  if (asked !== newest.resourceVersion || newest.at.length < agentCount) return;
  tell({ type: 'applied', ...newest });
  asked = undefined;
}

async function begin({ agents, authority: { commonName, ...pair }, watched }: Begin): Promise<void> {
  const authority = await createAuthority(commonName, pair);
  agentCount = agents.length;
  let inSync = 0;
  let objects = 0;
  await concurrently(agents, AT_A_TIME, async ({ node, url }) => {
    const { certificatePem: cert, keyPem: key } = await issueNodeCertificate(authority, node);
    const store = new LightStore(storeIdOf(node), (changed, resourceVersion) => {
      // After the frame at hand has been dealt with: then the ack is with the socket.
      if (changed === watched) queueMicrotask(() => noteApplied(resourceVersion));
    });
    const sync = createSync({ store, agentVersion: AGENT_VERSION, logger, clock: systemClock });
    const tls = { cert, key, ca: pair.certificatePem };
    const dialling = {
      urls: [url],
      credentials: fixedCredentials(() => tls),
      backoff: DEFAULT_BACKOFF,
      clock: systemClock,
      random: Math.random,
      logger,
    };
    const { link } = connectLink({ store, sync, kubelet: NO_KUBELET, nodeName: node, ...dialling });
    await new Promise<void>((resolve) => {
      let wasInSync = false;
      sync.onState((state) => {
        if (state.name === 'inSync' && !wasInSync) {
          wasInSync = true;
          inSync += 1;
          objects = store.objectCount();
          if (inSync % TELL_EVERY === 0 || inSync === agents.length) tell({ type: 'inSync', count: inSync, objects });
          resolve();
        }
        if (state.name === 'disconnected' && wasInSync) {
          const last = link.state();
          tell({ type: 'failed', detail: `${node} lost its link: ${last.name === 'waiting' ? last.reason.detail : last.name}` });
        }
      });
      link.start();
    });
  });
}

/** 32 hex digits. */
function storeIdOf(node: string): string {
  return Buffer.from(node).toString('hex').padStart(32, '0').slice(-32);
}

process.on('message', (message: ToAgents) => {
  if (message.type === 'collect') {
    asked = message.resourceVersion;
    answer();
    return;
  }
  begin(message).catch((error: unknown) =>
    tell({ type: 'failed', detail: error instanceof Error ? error.message : String(error) }),
  );
});
// The benchmark is over, however it ended.
process.on('disconnect', () => process.exit(0));
