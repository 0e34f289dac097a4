import { dialFailure, dialRelay, failure, type LinkFailure, proxyFor } from '../../../link/index.ts';

export interface Reached {
  readonly proxy: string | undefined;
  /** What is wrong with the proxy's address. */
  readonly wrong: string | undefined;
  readonly failure: LinkFailure | undefined;
  /** `ip:port` of the other end: of the proxy where there is one. */
  readonly address: string | undefined;
  readonly tookMs: number;
}

/** In milliseconds: the link itself waits longer, for networks that are slower than anybody has patience here. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Connects to a relay as the link does, through a proxy where the environment names one, and ends the connection again. */
export async function reach(relay: string, signal: AbortSignal): Promise<Reached> {
  const url = new URL(relay);
  const began = performance.now();
  let proxy: string | undefined;
  try {
    proxy = proxyFor(url)?.address;
  } catch (error) {
    const wrong = error instanceof Error ? error.message : String(error);
    return { proxy, wrong, failure: failure('proxy', wrong), address: undefined, tookMs: 0 };
  }
  const within = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  return new Promise((resolve) => {
    const done = (failed?: LinkFailure) => {
      within.removeEventListener('abort', give);
      const { remoteAddress, remotePort } = tcp;
      const address = remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`;
      resolve({ proxy, wrong: undefined, failure: failed, address, tookMs: performance.now() - began });
      tcp.destroy();
    };
    const give = () => done(failure(proxy === undefined ? 'timeout' : 'proxy', lateWords(url, proxy)));
    const tcp = dialRelay(url, {
      onCarrier(carrier) {
        if (carrier.connecting) carrier.once('connect', () => done());
        else setImmediate(done);
      },
      onFailure: done,
    });
    tcp.on('error', (error) => {
      if (proxy === undefined) done(dialFailure(error, relay));
    });
    within.addEventListener('abort', give, { once: true });
  });
}

function lateWords({ host }: URL, proxy: string | undefined): string {
  const who = proxy === undefined ? host : `the proxy ${proxy}`;
  return `${who} did not answer within ${CONNECT_TIMEOUT_MS / 1000} s`;
}
