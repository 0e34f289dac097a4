import { request } from 'node:https';
import { HawserError, isJsonObject, MAX_BODY_BYTES, parseJson } from '@hawser/protocol';
import { isLogLevel, type LogLevel, type LogLevelState } from '@hawser/settings';
import { AGENT_PATH, LOG_LEVEL_PATH } from '../api/device/own-paths.ts';
import { type LiveAgent, liveAgentFromJson } from '../ops/live-agent.ts';
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
  const answer = await askLocalApi(server, url, certificate, token, timeoutMs);
  if (answer === undefined || answer.status === 200) return answer && lookupFromJson(answer.text);
  throw new CommandFailure(EXIT.failed, `the running agent refused the question (HTTP ${answer.status}): ${saidIn(answer)}`);
}

/**
 * Shows the running agent the administrator's new token, by which it takes up all that lie there now.
 * @returns false where nobody listens there (any more)
 * @throws CommandFailure when the agent does not know it, HawserError `bad_config`
 */
export async function takesUpTokens(dataDir: string, server: string): Promise<boolean> {
  const { certificate, token } = readLocalAccess(dataDir);
  const answer = await askLocalApi(server, new URL('/version', server), certificate, token, DEFAULT_QUERY_MS);
  if (answer === undefined || answer.status === 200) return answer !== undefined;
  throw new CommandFailure(EXIT.failed, `the running agent does not take up the new tokens (HTTP ${answer.status}): restart it`);
}

/**
 * How the running agent is, in its own words.
 * @returns undefined where nobody listens there (any more)
 * @throws CommandFailure where it does not say, HawserError `bad_config`, `malformed_object`
 */
export async function askHowItIs(dataDir: string, server: string, timeoutMs: number): Promise<LiveAgent | undefined> {
  const { certificate, token } = readLocalAccess(dataDir);
  const answer = await askLocalApi(server, new URL(AGENT_PATH, server), certificate, token, timeoutMs);
  if (answer === undefined || answer.status === 200) return answer && liveAgentFromJson(answer.text);
  throw new CommandFailure(EXIT.failed, `the running agent does not say how it is (HTTP ${answer.status}): ${saidIn(answer)}`);
}

/**
 * The level of the running agent's log, or another one for it.
 * @param level null: that of the setting; undefined: it is only asked
 * @returns undefined where nobody listens there (any more)
 * @throws CommandFailure, HawserError `bad_config`
 */
export async function askLogLevel(
  dataDir: string,
  server: string,
  level: LogLevel | null | undefined,
): Promise<LogLevelState | undefined> {
  const { certificate, token } = readLocalAccess(dataDir);
  const body = level === undefined ? undefined : JSON.stringify({ level });
  const answer = await askLocalApi(server, new URL(LOG_LEVEL_PATH, server), certificate, token, DEFAULT_QUERY_MS, body);
  if (answer === undefined) return undefined;
  const state = answer.status === 200 ? logLevelIn(answer.text) : undefined;
  if (state !== undefined) return state;
  throw new CommandFailure(
    EXIT.failed,
    `the running agent does not take that (HTTP ${answer.status}; is it of another version?): ${saidIn(answer)}`,
  );
}

function logLevelIn(text: string): LogLevelState | undefined {
  const answer = parseJson(text);
  if (!isJsonObject(answer)) return undefined;
  const { level, configured } = answer;
  return isLogLevel(level) && isLogLevel(configured) ? { level, configured } : undefined;
}

/** Characters of an answer that are repeated: what answers may be another program. */
const MAX_SAID = 300;

function saidIn({ text }: Answer): string {
  return text.trim().slice(0, MAX_SAID);
}

/** GET, or PUT of a body of JSON. @returns undefined where nobody listens. @throws CommandFailure where nothing comes back */
export function askLocalApi(
  server: string,
  url: URL,
  ca: string,
  token: string,
  timeoutMs: number,
  put?: string,
): Promise<Answer | undefined> {
  return exchange(url, ca, token, timeoutMs, put).catch((cause: unknown) => {
    if (isRefused(cause)) return undefined;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(EXIT.failed, `the running agent does not answer at ${server}: ${why}`, { cause });
  });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** @param put a body of JSON; undefined: GET */
function exchange(url: URL, ca: string, token: string, timeoutMs: number, put: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(put === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(put) }),
    };
    const method = put === undefined ? 'GET' : 'PUT';
    const outgoing = request(url, { method, ca, headers, signal, agent: false }, (response) => {
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
    outgoing.end(put);
  });
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}
