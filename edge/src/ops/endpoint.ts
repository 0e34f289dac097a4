import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { listenFailure } from './listen.ts';

export interface EndpointOptions {
  readonly address: string;
  readonly port: number;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly logger: Logger;
}

export interface Endpoint {
  readonly port: number;
  close(): Promise<void>;
}

/** A scraper or probe asks in one go; who does not is cut, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Scrapers and probes are a handful; one more connection is closed. */
const MAX_CONNECTIONS = 16;

/**
 * Plain HTTP on loopback for whoever watches over the device.
 * - /healthz: 200 as long as this process gets around to answering. The link is no part of it: losing it is not unhealthy.
 * - /metrics: Prometheus' text format.
 *
 * @throws HawserError `address_in_use` or `bad_config`
 */
export async function startEndpoint({ address, port, metrics, logger }: EndpointOptions): Promise<Endpoint> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const [path] = (request.url ?? '').split('?', 1);
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, PLAIN, 'method not allowed\n');
    else if (path === '/healthz') answer(response, 200, PLAIN, 'ok\n');
    else if (path === '/metrics') {
      metrics.text().then(
        (text) => answer(response, 200, metrics.contentType, text),
        (err: unknown) => {
          logger.error({ err }, 'metrics not collected');
          answer(response, 500, PLAIN, 'metrics could not be collected: see the log\n');
        },
      );
    } else answer(response, 404, PLAIN, 'not found: try /healthz or /metrics\n');
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    server.listen(port, address);
    await once(server, 'listening');
  } catch (cause) {
    throw listenFailure(cause, { address, port, what: 'the endpoint of metrics and health', setting: 'ops' });
  }
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const PLAIN = 'text/plain; charset=utf-8';

function answer(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
