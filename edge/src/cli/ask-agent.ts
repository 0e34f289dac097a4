import { request } from 'node:https';
import { HawserError, MAX_BODY_BYTES } from '@hawser/protocol';
import { readLocalAccess } from '../ops/local-access/index.ts';
import {
  DEFAULT_QUERY_MS,
  type Lookup,
  type LookupQuestion,
  lookupFromJson,
  QUERY_PATH,
  questionToParams,
} from '../upstream/index.ts';
import { CommandFailure, EXIT } from './exit.ts';

/** The agent answers by the deadline; it has so much longer to say so, in milliseconds. */
const GRACE_MS = 5_000;
/** An object with its escapes, and what is around it. */
const MAX_ANSWER_BYTES = 2 * MAX_BODY_BYTES;

/**
 * Asks the running agent, which has the link, over the API of the device.
 * @param server `https://127.0.0.1:6444`
 * @returns undefined where nobody listens there (any more)
 * @throws CommandFailure for any other trouble with the API, HawserError `bad_config`, `malformed_object`
 */
export async function askAgent(dataDir: string, server: string, question: LookupQuestion): Promise<Lookup | undefined> {
  const { certificate, token } = readLocalAccess(dataDir);
  const url = new URL(`${QUERY_PATH}?${questionToParams(question)}`, server);
  const timeoutMs = (question.timeoutMs ?? DEFAULT_QUERY_MS) + GRACE_MS;
  const answer = await getFrom(server, url, certificate, token, timeoutMs);
  if (answer === undefined || answer.status === 200) return answer && lookupFromJson(answer.text);
  throw new CommandFailure(EXIT.failed, `the running agent refused the question (HTTP ${answer.status}): ${answer.text.trim()}`);
}

/**
 * Shows the running agent the administrator's new token, by which it takes up all that lie there now.
 * @returns false where nobody listens there (any more)
 * @throws CommandFailure when the agent does not know it, HawserError `bad_config`
 */
export async function takesUpTokens(dataDir: string, server: string): Promise<boolean> {
  const { certificate, token } = readLocalAccess(dataDir);
  const answer = await getFrom(server, new URL('/version', server), certificate, token, DEFAULT_QUERY_MS);
  if (answer === undefined || answer.status === 200) return answer !== undefined;
  throw new CommandFailure(EXIT.failed, `the running agent does not take up the new tokens (HTTP ${answer.status}): restart it`);
}

/** Undefined where nobody listens. */
function getFrom(server: string, url: URL, ca: string, token: string, timeoutMs: number): Promise<Answer | undefined> {
  return get(url, ca, token, timeoutMs).catch((cause: unknown) => {
    if (isRefused(cause)) return undefined;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(EXIT.failed, `the running agent does not answer at ${server}: ${why}`, { cause });
  });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function get(url: URL, ca: string, token: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const outgoing = request(url, { ca, headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES)
          response.destroy(new HawserError('too_large', `its answer is over ${MAX_ANSWER_BYTES} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}
