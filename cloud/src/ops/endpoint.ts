import { createServer, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { listen } from './listen.ts';

/** Whether the relay may be given links, and if not, for whom to wait. One that drains is never ready again. */
export type Readiness =
  | { readonly type: 'ready' }
  | { readonly type: 'notReady'; readonly waitingFor: readonly string[] }
  | { readonly type: 'draining' };

export interface EndpointOptions {
  readonly address: string;
  readonly port: number;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly readiness: () => Readiness;
  readonly logger: Logger;
}

export interface Endpoint {
  readonly port: number;
  close(): Promise<void>;
}

/** A scraper or probe asks in one go; who does not is cut. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Scrapers and probes are a handful; one more connection is closed. */
const MAX_CONNECTIONS = 64;

/**
 * Plain HTTP for the cluster's own eyes.
 * - /healthz: 200 while this process gets around to answering. The API server being away is no reason to restart it.
 * - /readyz: 200 once all resources are synced; 503 naming those that are not, one a line, or that the relay is draining.
 * - /metrics: Prometheus' text format.
 *
 * @throws HawserError `address_in_use` or `bad_config`
 */
export async function startEndpoint({ address, port, metrics, readiness, logger }: EndpointOptions): Promise<Endpoint> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') plain(response, 405, 'method not allowed\n');
    else if (path === '/healthz') plain(response, 200, 'ok\n');
    else if (path === '/readyz') ready(response, readiness());
    else if (path === '/metrics') {
      metrics.text().then(
        (text) => answer(response, 200, metrics.contentType, text),
        (error: unknown) => {
          logger.error({ err: error }, 'metrics not collected');
          plain(response, 500, 'metrics could not be collected: see the log\n');
        },
      );
    } else plain(response, 404, 'not found: try /healthz, /readyz or /metrics\n');
  });
  server.maxConnections = MAX_CONNECTIONS;
  const bound = await listen(server, { address, port }, 'metrics and health', 'ops');
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function ready(response: ServerResponse, readiness: Readiness): void {
  if (readiness.type === 'ready') plain(response, 200, 'ok\n');
  else if (readiness.type === 'draining') plain(response, 503, 'draining\n');
  else plain(response, 503, readiness.waitingFor.map((what) => `waiting for ${what}\n`).join(''));
}

function plain(response: ServerResponse, status: number, text: string): void {
  answer(response, status, 'text/plain; charset=utf-8', text);
}

function answer(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
