import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Cluster } from './cluster.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Asks a relay's administrative endpoint as its bearer would; the certificate is verified by other tests. */
export async function askAdmin(
  { relay }: Pick<Cluster, 'relay'>,
  path: string,
  token: string | undefined,
  { method = 'GET', body = '' }: { readonly method?: string; readonly body?: string } = {},
): Promise<AdminAnswer> {
  const answer = await openAdmin(relay.adminPort, path, token, { method, body });
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

export async function openAdmin(
  port: number | undefined,
  path: string,
  token: string | undefined,
  { method = 'GET', body = '' }: { readonly method?: string; readonly body?: string } = {},
): Promise<IncomingMessage> {
  const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), 'content-length': body.length };
  const sent = request({ host: '127.0.0.1', port, path, method, headers, rejectUnauthorized: false, agent: false });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  return answer;
}
