import { HawserError, isJsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import type { NodeApi } from './upstream/index.ts';

/** The namespace that every cluster has from its first moment, and that nobody can make again: its uid stands for the cluster. */
const PATH = '/api/v1/namespaces/kube-system';
const TIMEOUT_MS = 10_000;

/**
 * The cluster's identity: the uid of the namespace kube-system. Agents keep objects of one cluster only and compare it.
 * @throws HawserError `unreachable`, or `unauthorized` when the relay may not read it
 */
export async function readClusterUid(api: NodeApi, signal: AbortSignal): Promise<string> {
  const { status, text } = await api.request({ method: 'GET', path: PATH, signal, timeoutMs: TIMEOUT_MS });
  if (status === 401 || status === 403) {
    const message = `the relay may not read the namespace kube-system (${status}): grant its account "get" on namespaces`;
    throw new HawserError('unauthorized', message);
  }
  const uid = status === 200 ? uidOf(text) : undefined;
  if (uid === undefined) throw new HawserError('unreachable', `the API server answered ${status} for the namespace kube-system`);
  return uid;
}

function uidOf(text: string): string | undefined {
  try {
    const namespace: JsonValue = parseJson(text);
    const metadata = isJsonObject(namespace) ? namespace.metadata : undefined;
    const uid = isJsonObject(metadata) ? metadata.uid : undefined;
    return typeof uid === 'string' && uid !== '' ? uid : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
