import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { HawserError, parseJson } from '@hawser/protocol';
import { printable } from '@hawser/settings';
import * as v from 'valibot';
import { Failure } from '../../admin/index.ts';
import type { Place } from './places.ts';
import { checkReplica, type ReplicaTrust } from './trust.ts';

/** From the connection to the end of an answer; a device that is asked may take ten seconds. In ms. */
const DEADLINE_MS = 15_000;
/** A page of sessions has some 700 KB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Of one text of a replica, in characters. */
const MAX_SHOWN = 500;

export interface Question {
  readonly path: string;
  readonly method?: 'GET' | 'PUT';
  readonly body?: string;
}

/** How replicas are asked. */
export interface Asking {
  readonly trust: ReplicaTrust;
  /** As of now: they end while a watch goes on. @throws HawserError */
  token(): Promise<string>;
  readonly signal: AbortSignal;
}

/** `code`: the HTTP status, where there was one. */
export type Asked<T> =
  | { readonly type: 'answer'; readonly value: T }
  | { readonly type: 'failed'; readonly code?: number; readonly why: string };

/** Asks one replica. Never rejects but for our own faults: what goes wrong is told. */
export async function ask<T>(
  place: Place,
  question: Question,
  schema: v.GenericSchema<unknown, T>,
  asking: Asking,
): Promise<Asked<T>> {
  const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(DEADLINE_MS)]);
  try {
    const answer = await open(place, question, { ...asking, signal });
    const text = await textOf(answer);
    const code = answer.statusCode ?? 0;
    if (code !== 200) return { type: 'failed', code, why: `${code}: ${messageIn(text)}` };
    const read = v.safeParse(schema, parseJson(text));
    return read.success
      ? { type: 'answer', value: read.output }
      : { type: 'failed', code, why: 'its answer is not of this version' };
  } catch (error) {
    return { type: 'failed', why: reasonOf(error, signal) };
  }
}

/** The token is sent once the other side is verified, and not before. @throws what breaks the connection */
export async function open(
  place: Place,
  { path, method = 'GET', body = '' }: Question,
  { trust, token, signal }: Asking,
): Promise<IncomingMessage> {
  const bearer = await token();
  const socket = await connected(place, trust, signal);
  const headers = {
    authorization: `Bearer ${bearer}`,
    accept: 'application/json',
    host: `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`,
    'user-agent': 'hawser-relay',
    ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
  };
  const sent = request({ method, path, headers, createConnection: () => socket, signal });
  const answered = once(sent, 'response', { signal });
  sent.end(body);
  const [answer]: IncomingMessage[] = await answered;
  if (answer === undefined) throw new HawserError('unreachable', 'no answer');
  // What ends the connection later comes out of the body.
  sent.on('error', () => undefined);
  return answer;
}

async function connected({ host, port }: Place, { ca, names }: ReplicaTrust, signal: AbortSignal): Promise<TLSSocket> {
  const dns = [host, ...names].find((name) => isIP(name) === 0);
  const socket = connect({
    host,
    port,
    ca,
    minVersion: 'TLSv1.3',
    ...(dns === undefined ? {} : { servername: dns }),
    checkServerIdentity: (_, certificate) => checkReplica(certificate, [host, ...names]),
  });
  const abort = () => socket.destroy(new Error('given up'));
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  await once(socket, 'secureConnect');
  return socket;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new HawserError('too_large', `its answer is over ${MAX_ANSWER_BYTES} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function messageIn(text: string): string {
  try {
    const read = v.safeParse(Failure, parseJson(text));
    return read.success ? shown(read.output.message) : 'an answer that is none of a relay';
  } catch (error) {
    if (error instanceof SyntaxError) return 'an answer that is none of a relay';
    throw error;
  }
}

export function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted && signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') {
    return `no answer within ${DEADLINE_MS / 1000} s`;
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const isTls = code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('SIGNATURE') || code.includes('ISSUER');
  return isTls ? `it is not verified, and was not shown the token: ${shown(message)}` : shown(message);
}

/** Of somebody else: nothing that a terminal would act on, and no more than some lines. */
export function shown(text: string): string {
  return printable(text.slice(0, MAX_SHOWN));
}
