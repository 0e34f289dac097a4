import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { HawserError } from '@hawser/protocol';
import { parseYaml } from '@hawser/settings';
import { readPrivateFile } from '../../../private-files.ts';
import type { KubeletFacts } from '../checks/kubelet.ts';

/** Of the agent's own file, in bytes. */
const MAX_CONFIG_BYTES = 1024 * 1024;
/** In milliseconds; its own probe takes a second. */
const ASK_TIMEOUT_MS = 3_000;
/** Characters of an answer that are shown. */
const MAX_SAID = 200;
/** What a kubelet takes where its configuration says nothing (KubeletConfiguration). */
const DEFAULTS = { port: 10_248, endpoint: 'unix:///run/containerd/containerd.sock' } as const;

export interface KubeletPlaces {
  /** Undefined where the operator has switched it off (port 0). */
  readonly healthz: string | undefined;
  readonly endpoint: string;
}

/** Where that kubelet listens, and where its container runtime does, by the file that it is started with. */
export function kubeletPlaces(config: string): KubeletPlaces {
  const {
    healthzPort = DEFAULTS.port,
    healthzBindAddress = '127.0.0.1',
    containerRuntimeEndpoint = '',
  } = configurationIn(config);
  return {
    healthz: healthzPort === 0 ? undefined : `http://${String(healthzBindAddress)}:${String(healthzPort)}/healthz`,
    endpoint:
      typeof containerRuntimeEndpoint === 'string' && containerRuntimeEndpoint !== ''
        ? containerRuntimeEndpoint
        : DEFAULTS.endpoint,
  };
}

function configurationIn(path: string): Readonly<Record<string, unknown>> {
  try {
    const text = readPrivateFile(path, MAX_CONFIG_BYTES);
    const value: unknown = text === undefined ? undefined : parseYaml(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch (error) {
    // The agent writes it anew when it starts.
    if (error instanceof HawserError) return {};
    throw error;
  }
}

export function askHealthz(url: string, signal: AbortSignal): Promise<NonNullable<KubeletFacts['healthz']>> {
  return new Promise((resolve) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
    const asking = get(url, { signal: within, agent: false }, (response) => {
      let said = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(0, MAX_SAID);
      });
      response.on('error', (error) => resolve({ url, said: error.message }));
      response.on('end', () =>
        resolve({ url, said: response.statusCode === 200 ? said.trim() : `${response.statusCode} ${said.trim()}` }),
      );
    });
    asking.on('error', (error) => resolve({ url, said: `nothing: ${'code' in error ? String(error.code) : error.message}` }));
  });
}

/** Whether somebody listens at a socket of the system. Nothing is said to it. */
export function lookAtRuntime(endpoint: string, signal: AbortSignal): Promise<NonNullable<KubeletFacts['runtime']>> {
  const path = endpoint.replace(/^unix:\/\//, '');
  return new Promise((resolve) => {
    if (!existsSync(path)) return resolve({ endpoint, state: 'missing' });
    const socket = connect({ path, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ endpoint, state: 'listens' });
    });
    socket.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      resolve({ endpoint, state: code === 'EACCES' || code === 'EPERM' ? 'hidden' : 'refuses' });
    });
  });
}
