import { Agent, request } from 'node:https';
import type { Endpoint, Opened, Transport } from './transport.ts';

/** One connection for each request that is under way: a kubelet with 20 pods holds about 50. */
export function http1Transport({ url, ca }: Endpoint): Transport {
  const agent = new Agent({ ca, keepAlive: true });
  const { hostname, port } = new URL(url);
  return {
    version: 'http/1.1',
    open: ({ method, path, headers, body, signal }) =>
      new Promise<Opened>((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(body.byteLength) };
        const target = { hostname, port: port || 443, agent, method, path, signal, headers: { ...headers, ...length } };
        const outgoing = request(target, (incoming) => {
          const pairs = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(pairs), body: incoming });
        });
        outgoing.once('error', reject).end(body);
      }),
    isOver: () => false,
    close: () => agent.destroy(),
  };
}
