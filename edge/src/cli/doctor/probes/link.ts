import { decodeRelayMessage, encodeAgentMessage, type Hello, PROTOCOL_VERSIONS } from '@hawser/protocol';
import { type LinkTls, openSocket } from '../../../link/index.ts';
import type { ReadonlyStore } from '../../../store/index.ts';
import type { Tried } from '../checks/link.ts';

/** In milliseconds: TLS, the WebSocket and the relay's answer. */
const HELLO_TIMEOUT_MS = 10_000;
const NORMAL_CLOSE = 1000;

/** The hello of that store. */
export function helloOf(store: Pick<ReadonlyStore, 'identity' | 'digest' | 'objectCount'>, agentVersion: string): Hello {
  const { storeId, clusterUid, epoch } = store.identity();
  return {
    type: 'hello',
    protocolVersions: PROTOCOL_VERSIONS,
    // Nothing is taken on this link, so nothing has to be understood.
    features: [],
    dictionaries: [],
    agentVersion,
    storeId,
    clusterUid,
    digest: store.digest(),
    objects: store.objectCount(),
    epoch,
    authorities: undefined,
    clusterKeys: undefined,
  };
}

/**
 * Makes a link, says hello, and leaves as soon as the relay has answered: what it sends after that is not acknowledged, so it counts as
 * not sent. Only for a device whose agent does not run: it would take the session from it.
 */
export function sayHello(relay: string, tls: LinkTls, hello: Hello, signal: AbortSignal): Promise<Tried> {
  const began = performance.now();
  const within = AbortSignal.any([signal, AbortSignal.timeout(HELLO_TIMEOUT_MS)]);
  return new Promise((resolve) => {
    const failed = (kind: string, detail: string) => end({ type: 'failed', relay, kind, detail });
    const end = (result: Tried) => {
      within.removeEventListener('abort', late);
      resolve(result);
      socket.close(NORMAL_CLOSE, 'hawser-agent doctor');
    };
    const late = () =>
      failed('timeout', `${new URL(relay).host} did not answer our greeting within ${HELLO_TIMEOUT_MS / 1000} s`);
    const socket = openSocket(relay, tls, {
      connected: () => socket.send(encodeAgentMessage(hello)),
      frame(bytes) {
        try {
          const message = decodeRelayMessage(bytes);
          if (message.type === 'goodbye')
            failed('ended', `the relay said goodbye: ${message.reason}${message.detail === '' ? '' : `: ${message.detail}`}`);
          else if (message.type !== 'welcome') failed('dropped', `the relay answered our greeting with ${message.type}`);
          else {
            const { relayVersion, clusterUid } = message;
            end({ type: 'welcome', relay, relayVersion, clusterUid, tookMs: performance.now() - began });
          }
        } catch (error) {
          failed(
            'dropped',
            `the relay sent what is no message of the link: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      },
      failed: ({ kind, detail }) => {
        within.removeEventListener('abort', late);
        resolve({ type: 'failed', relay, kind, detail });
      },
    });
    within.addEventListener('abort', late, { once: true });
  });
}
