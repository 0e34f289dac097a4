import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { HawserError } from '@hawser/protocol';
import { readLocalAccess, readToken } from '../../../ops/local-access/index.ts';
import { askLocalApi } from '../../ask-agent.ts';
import { CommandFailure } from '../../exit.ts';
import type { ApiFacts } from '../checks/api.ts';
import type { KubeletFacts } from '../checks/kubelet.ts';

/** In milliseconds. */
const ASK_TIMEOUT_MS = 5_000;

export type AskedApi = Pick<ApiFacts, 'refused' | 'certificate' | 'answered'>;

/** Asks the running agent's API whether it is ready, as its administrator. */
export async function askReady(dataDir: string, server: string): Promise<AskedApi> {
  let access: ReturnType<typeof readLocalAccess>;
  try {
    access = readLocalAccess(dataDir);
  } catch (error) {
    const refused = error instanceof Error ? error.message : String(error);
    return { refused, certificate: undefined, answered: undefined };
  }
  const certificate = certificateIn(access.certificate);
  const began = performance.now();
  const answered = await get(server, '/readyz', access.certificate, access.token);
  const tookMs = performance.now() - began;
  return {
    refused: undefined,
    certificate,
    answered: answered.type === 'failed' ? { failure: answered.failure } : { ...answered, tookMs },
  };
}

/** Whether that API knows the kubelet's token. */
export async function askAsKubelet(
  dataDir: string,
  server: string,
  nodeName: string,
): Promise<NonNullable<KubeletFacts['token']>> {
  try {
    const token = readToken(dataDir, 'kubelet');
    if (token === undefined) return { failure: 'there is none in the data folder' };
    return await get(server, `/api/v1/nodes/${encodeURIComponent(nodeName)}`, readLocalAccess(dataDir).certificate, token);
  } catch (error) {
    if (error instanceof HawserError) return { failure: error.message };
    throw error;
  }
}

type Got =
  | { readonly type: 'answer'; readonly status: number; readonly text: string }
  | { readonly type: 'failed'; readonly failure: string };

async function get(server: string, path: string, ca: string, token: string): Promise<Got> {
  try {
    const answer = await askLocalApi(server, new URL(path, server), ca, token, ASK_TIMEOUT_MS);
    return answer === undefined
      ? { type: 'failed', failure: `nothing listens at ${server}` }
      : { type: 'answer', status: answer.status, text: answer.text.trim() };
  } catch (error) {
    if (error instanceof CommandFailure || error instanceof HawserError) return { type: 'failed', failure: error.message };
    throw error;
  }
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // Cut off by a power loss: the agent makes another when it starts.
    return undefined;
  }
}

/** Whether nobody listens there: by listening for a moment. */
export function isPortFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(!('code' in error && error.code === 'EADDRINUSE')));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
