import { HawserError, type JsonObject, type KeyHash, resourceById, resourcePath } from '@hawser/protocol';
import { type Answer, type ApiCall, callApi } from '../../upstream/index.ts';
import { readTokenSecret, type StoredToken, TOKEN_NAMESPACE, tokenSecretName, usedPatch } from './token-secret.ts';

/** Tokens as they are at this moment: nothing is kept, so one that was deleted is gone at once. */
export interface TokenStore {
  /**
   * Undefined where there is none.
   * @throws HawserError `unreachable` when the API server cannot be asked, `unauthorized` when the relay lacks the right
   */
  read(id: string): Promise<StoredToken | undefined>;
  /**
   * Marks a token for one device as used by this key for this name. `changed`: somebody else has written it since it was read, or deleted it.
   * @throws as `read`
   */
  markUsed(token: StoredToken, key: KeyHash, nodeName: string): Promise<'marked' | 'changed'>;
}

export function createTokenStore(context: Parameters<typeof callApi>[0]): TokenStore {
  async function call(method: 'GET' | 'PATCH', id: string, body?: JsonObject): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const call: ApiCall = { method, path: pathOf(id), body: text, contentType: 'application/merge-patch+json' };
    const answer = await callApi(context, text === undefined ? { ...call, contentType: undefined } : call, undefined);
    if (answer.type === 'unavailable') throw new HawserError('unreachable', answer.message);
    if (answer.type === 'relayRefused') throw notAllowed(method, answer.message);
    if (answer.type === 'forbidden') throw notAllowed(method, answer.status.message);
    return answer;
  }

  return {
    async read(id) {
      const answer = await call('GET', id);
      if (answer.type === 'object') return readTokenSecret(answer.object.body);
      if (isNotFound(answer)) return undefined;
      throw unexpected('read', answer);
    },
    async markUsed(token, key, nodeName) {
      const answer = await call('PATCH', token.id, usedPatch(token, key, nodeName, context.clock.now()));
      if (answer.type === 'object') return 'marked';
      if (answer.type === 'conflict' || isNotFound(answer)) return 'changed';
      throw unexpected('marked as used', answer);
    },
  };
}

function pathOf(id: string): string {
  const resource = resourceById('secrets');
  if (resource === undefined) throw new HawserError('unsupported', 'no Secrets in the resource table');
  return resourcePath(resource, TOKEN_NAMESPACE, tokenSecretName(id));
}

function isNotFound(answer: Answer): boolean {
  return answer.type === 'refused' && answer.status.code === 404;
}

function notAllowed(method: string, message: string): HawserError {
  const verb = method === 'GET' ? 'get' : 'patch';
  const text = `the relay lacks the right to ${verb} Secrets in ${TOKEN_NAMESPACE} (deploy/manifests/10-rights.yaml): ${message}`;
  return new HawserError('unauthorized', text);
}

function unexpected(what: string, answer: Answer): HawserError {
  const said = 'status' in answer ? answer.status.message : answer.type;
  return new HawserError('unreachable', `the token was not ${what}: ${said}`);
}
