import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';

/**
 * Asks the kubelet's own server, by the certificate that the agent has made for it.
 * @param token undefined: as a stranger
 */
export async function askKubelet(
  { dataDir, port }: { readonly dataDir: string; readonly port: number },
  path: string,
  { method = 'GET', token }: { readonly method?: string; readonly token?: string | undefined } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const call = request({
    ...{ host: '127.0.0.1', port, path, method, agent: false },
    ca: readFileSync(join(dataDir, 'kubelet', 'server.crt')),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode ?? 0, text };
}
