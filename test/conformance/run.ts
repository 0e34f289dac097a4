import { Random } from '../model/random.ts';
import { CHECKS } from './checks/index.ts';
import { NotApplicable } from './expect.ts';
import { type Access, Client, messageOf } from './http/client.ts';
import { type Kind, pathOf } from './http/objects.ts';
import { type Check, Kit } from './kit.ts';
import { CONFIG_MAPS, NODES, PODS } from './subjects/candidates.ts';
import { type Found, probe } from './subjects/probe.ts';
import { Trash } from './trash.ts';

export interface RunOptions {
  readonly access: Access;
  readonly namespace: string;
  readonly seed: number;
  readonly seconds: number;
  /** See KitOptions. Default 60 s: slow machines and poor links. */
  readonly catchUpMs?: number;
  /** For one event of a watch. Default 30 s. */
  readonly eventTimeoutMs?: number;
  readonly only?: readonly string[];
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal;
  /** Default: the kit's. */
  readonly checks?: readonly Check[];
  /** For people who wait. */
  readonly progress?: (line: string) => void;
}

export type Result = {
  readonly name: string;
  readonly what: string;
  readonly ms: number;
} & (
  | { readonly outcome: 'passed'; readonly note?: string }
  | { readonly outcome: 'failed'; readonly why: string }
  | { readonly outcome: 'notApplicable'; readonly why: string }
);

export interface Run {
  readonly server: string;
  /** gitVersion of the server. */
  readonly version: string;
  readonly seed: number;
  readonly namespace: string;
  /** What was written, first what most checks were done with. */
  readonly wrote: readonly string[];
  /** Why other kinds were not. */
  readonly refused: readonly string[];
  readonly results: readonly Result[];
  readonly requests: number;
  /** Lines about what could not be removed. */
  readonly left: readonly string[];
  readonly stopped: boolean;
}

/** The server could not be asked, or lets these credentials read nothing. */
export class NoServer extends Error {
  override readonly name = 'NoServer';
}

const CATCH_UP_MS = 60_000;

/** Kinds that may be read where nothing may be written, the first that answers. */
const READABLE: readonly Kind[] = [CONFIG_MAPS, PODS, NODES];

/**
 * Runs the checks one after the other, and removes what they made, whatever happens.
 * @throws NoServer
 */
export async function runChecks(options: RunOptions): Promise<Run> {
  const { access, namespace, seed, signal, progress = () => {} } = options;
  const client = new Client(access, options.eventTimeoutMs);
  // A client of its own: the other's connections are cut when the run is stopped.
  const cleaner = new Client(access);
  const trash = new Trash(cleaner);
  const stop = () => client.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const version = await versionOf(client);
    const random = new Random(seed);
    // Another for each run, also where the seed is the same: what an earlier one left must not be in the way.
    const prefix = `hawser-conformance-${Math.floor(Date.now()).toString(36).slice(-6)}`;
    const found: Found =
      options.readOnly === true ? { subjects: [], refused: [] } : await probe(client, trash, namespace, prefix);
    const readable = await readableKind(client, namespace, found);
    const kit = new Kit({
      client,
      namespace,
      prefix,
      random,
      seconds: options.seconds,
      catchUpMs: options.catchUpMs ?? CATCH_UP_MS,
      trash,
      subjects: found.subjects,
      readable: readable.kind,
      readableNamespace: readable.namespace,
      progress,
    });
    progress(`${access.server} is ${version}; seed ${seed}; writes ${titles(found).join(', ') || 'nothing'}`);
    const only = options.only ?? [];
    const checks = (options.checks ?? CHECKS).filter(
      ({ name }) => only.length === 0 || only.some((start) => name.startsWith(start)),
    );
    const results: Result[] = [];
    for (const check of checks) {
      if (signal?.aborted === true) break;
      const result = await runOne(check, kit);
      // What was interrupted has neither passed nor failed.
      if (isStopped(signal)) break;
      results.push(result);
      progress(`${result.outcome}: ${check.name} (${result.ms} ms)`);
    }
    const left = await trash.empty();
    const { server } = access;
    const { requests } = client;
    const stopped = isStopped(signal);
    return { server, version, seed, namespace, wrote: titles(found), refused: found.refused, results, requests, left, stopped };
  } finally {
    signal?.removeEventListener('abort', stop);
    await trash.empty();
    client.close();
    cleaner.close();
  }
}

async function runOne(check: Check, kit: Kit): Promise<Result> {
  const { name, what } = check;
  const begun = performance.now();
  const ms = () => Math.round(performance.now() - begun);
  try {
    const note = await check.run(kit);
    return { name, what, ms: ms(), outcome: 'passed', ...(typeof note === 'string' ? { note } : {}) };
  } catch (cause) {
    const outcome = cause instanceof NotApplicable ? 'notApplicable' : 'failed';
    return { name, what, ms: ms(), outcome, why: messageOf(cause) };
  }
}

async function versionOf(client: Client): Promise<string> {
  const answer = await client.call('GET', '/version').catch((cause: unknown) => {
    throw new NoServer(messageOf(cause), { cause });
  });
  const version = answer.object?.gitVersion;
  if (answer.status !== 200 || typeof version !== 'string') {
    throw new NoServer(`GET /version was answered with ${answer.status}: ${answer.text.slice(0, 200)}`);
  }
  return version;
}

/** What may be listed: of all namespaces where that is allowed, else of the one. @throws NoServer */
async function readableKind(client: Client, namespace: string, { subjects }: Found) {
  const refusals: string[] = [];
  for (const kind of [...subjects.map((subject) => subject.kind), ...READABLE]) {
    for (const where of kind.namespaced ? ['', namespace] : ['']) {
      const { status, failure } = await client.call('GET', pathOf(kind, where), { query: { limit: 1 } });
      if (status === 200) return { kind, namespace: where };
      refusals.push(`${kind.resource}: ${status} ${failure.message ?? ''}`);
    }
  }
  throw new NoServer(`nothing may be read with these credentials: ${refusals.join('; ')}`);
}

function titles({ subjects }: Found): string[] {
  return subjects.map(({ title }) => title);
}

function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
