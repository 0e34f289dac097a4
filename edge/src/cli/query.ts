import { type ApiResource, HawserError, type KubeObject, MAX_QUERY_MS, objectKey } from '@hawser/protocol';
import { stringify } from 'yaml';
import { humanDuration } from '../api/http/table/duration.ts';
import { AGENT_FACTS } from '../ops/facts.ts';
import type { ReadonlyStore, SealSource } from '../store/index.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import { type Lookup, type LookupQuestion, lookOffline, type Source } from '../upstream/index.ts';
import { askAgent } from './ask-agent.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';
import { resourceNamed } from './resource-name.ts';
import { withoutSecretValues } from './secrets.ts';

export interface QueryRequest {
  readonly dataDir: string;
  /** Opens Secrets, and answers that were kept. */
  readonly seal: SealSource;
  /** `configmaps`, `cm`, `volumeattachments.storage.k8s.io`, or with the name behind a slash: `pv/disk`. */
  readonly resource: string;
  readonly name: string | undefined;
  readonly namespace: string;
  /** `answer`: JSON with type, source and age beside the object, also where there is no object. */
  readonly output: 'yaml' | 'json' | 'name' | 'answer';
  readonly showSecrets: boolean;
  /** Ask the cloud also about what is synced. */
  readonly live: boolean;
  /** `10s`, `500ms`, `2m`; undefined: the agent's own default. */
  readonly timeout: string | undefined;
}

/** Prints one object as the cloud has it, or as this device last heard of it; where it is from goes to stderr. @throws CommandFailure */
export async function query(request: QueryRequest, io: CliIo): Promise<void> {
  const { resource, question } = questionOf(request);
  const answer = await ask(request, question, io);
  const shown: Lookup =
    answer.type === 'found' && !request.showSecrets ? { ...answer, object: withoutSecretValues(answer.object) } : answer;
  if (request.output === 'answer') io.write(`${JSON.stringify(shown, null, 4)}\n`);
  if (shown.type !== 'found') throw failureOf(shown, resource, question);
  io.writeError(`${describeSource(shown.source, shown.ageMs)}\n`);
  if (request.output !== 'answer') io.write(render(request.output, resource, shown.object));
}

async function ask(
  { dataDir, seal }: Pick<QueryRequest, 'dataDir' | 'seal'>,
  question: LookupQuestion,
  io: CliIo,
): Promise<Lookup> {
  const { running, server } = withStore(dataDir, (store) => ({
    running: store.running,
    server: store.facts()[AGENT_FACTS.localApi],
  }));
  const answer = running && server !== undefined ? await askAgent(dataDir, server, question) : undefined;
  if (answer !== undefined) return answer;
  io.writeError(
    running
      ? 'Warning: the agent has the store open and does not listen: from its store.\n'
      : 'The agent is not running: from its store.\n',
  );
  return withStore(dataDir, (store) => lookOffline(store, question, syncedAge(store, io.now()), io.now()), seal);
}

/** Of what lies in the store without an agent that would bring it up to date. */
function syncedAge(store: ReadonlyStore, now: Date): number | undefined {
  const lastSync = store.facts()[SYNC_FACTS.lastSync];
  return lastSync === undefined ? undefined : Math.max(0, now.getTime() - Date.parse(lastSync));
}

function questionOf(request: QueryRequest): { readonly resource: ApiResource; readonly question: LookupQuestion } {
  const [kind = '', behind, ...more] = request.resource.split('/');
  const name = request.name ?? behind;
  if (name === undefined || more.length > 0 || (behind !== undefined && request.name !== undefined)) {
    throw new CommandFailure(EXIT.usage, 'say what to ask for: a resource and a name, as in "configmaps settings"');
  }
  const resource = resourceNamed(kind);
  const namespace = resource.namespaced ? request.namespace : '';
  try {
    objectKey(resource.id, namespace, name);
  } catch (cause) {
    if (cause instanceof HawserError) throw new CommandFailure(EXIT.usage, `${JSON.stringify(name)} is no name`, { cause });
    throw cause;
  }
  return {
    resource,
    question: { resource: resource.id, namespace, name, timeoutMs: timeoutOf(request.timeout), live: request.live },
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,9})(ms|s|m)$/.exec(text) ?? [];
  const milliseconds = Number(digits) * (UNITS[unit] ?? 0);
  if (milliseconds >= 1 && milliseconds <= MAX_QUERY_MS) return milliseconds;
  throw new CommandFailure(EXIT.usage, `--timeout must be 1ms to ${MAX_QUERY_MS / 60_000}m, as in 500ms, 10s or 2m`);
}

const SOURCES: Readonly<Record<Source, string>> = {
  cloud: 'From the API server',
  relayCache: "From the relay's cache",
  synced: 'Synced to this device',
  kept: 'Kept on this device',
};

function describeSource(source: Source, ageMs: number | undefined): string {
  return `${SOURCES[source]}, ${describeAge(ageMs)}.`;
}

function describeAge(ageMs: number | undefined): string {
  if (ageMs === undefined) return 'nobody knows from when';
  return ageMs === 0 ? 'as it is now' : `as it was ${humanDuration(ageMs)} ago`;
}

function failureOf(answer: Exclude<Lookup, { type: 'found' }>, resource: ApiResource, question: LookupQuestion): CommandFailure {
  const what = `${resource.resource} ${JSON.stringify(question.name)}${question.namespace === '' ? '' : ` in the namespace ${question.namespace}`}`;
  switch (answer.type) {
    case 'notFound':
      return new CommandFailure(EXIT.notFound, `${what} not found\n${describeSource(answer.source, answer.ageMs)}`);
    case 'forbidden':
      return new CommandFailure(EXIT.forbidden, `${what}: forbidden: ${answer.message}`);
    case 'refused':
      return new CommandFailure(EXIT.refused, `${what}: refused (${answer.code} ${answer.reason}): ${answer.message}`);
    case 'unavailable':
      return new CommandFailure(EXIT.unavailable, `${what}: no answer now: ${answer.message}`);
    case 'unknownOffline':
      return new CommandFailure(EXIT.unknown, `${what}: ${answer.message}`);
  }
}

function render(output: 'yaml' | 'json' | 'name', { group, singular }: ApiResource, object: KubeObject): string {
  switch (output) {
    case 'yaml':
      return stringify(object, { lineWidth: 0 });
    case 'json':
      return `${JSON.stringify(object, null, 4)}\n`;
    case 'name':
      return `${singular}${group === '' ? '' : `.${group}`}/${object.metadata.name}\n`;
  }
}
