import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts';

/** Beside the repository's root; see the README there for the format. */
export const RECORDINGS_FOLDER = fileURLToPath(new URL('../../../shared/recordings/', import.meta.url));

const TokenClaims = v.object({ payload: v.looseObject({ jti: v.string(), sub: v.string() }) });

const Exchange = v.object({
  atMs: v.number(),
  note: v.optional(v.string()),
  request: v.object({
    method: v.string(),
    path: v.string(),
    as: v.string(),
    headers: v.record(v.string(), v.union([v.string(), v.array(v.string())])),
    body: v.optional(v.unknown()),
    tokenClaims: v.optional(v.array(TokenClaims)),
  }),
  response: v.object({
    status: v.number(),
    headers: v.record(v.string(), v.union([v.string(), v.array(v.string())])),
    body: v.optional(v.unknown()),
    events: v.optional(v.array(v.looseObject({ line: v.optional(v.unknown()) }))),
    ended: v.optional(v.string()),
    endedAfterMs: v.optional(v.number()),
    tokenClaims: v.optional(v.array(TokenClaims)),
  }),
});
const Scenario = v.object({ name: v.string(), about: v.string(), exchanges: v.array(Exchange) });

export type Exchange = v.InferOutput<typeof Exchange>;
export type Scenario = v.InferOutput<typeof Scenario>;

/** The scenarios whose number is one of these, in the order of their names; undefined when there are no recordings. */
export async function loadScenarios(numbers: readonly string[]): Promise<Scenario[] | undefined> {
  let names: string[];
  try {
    names = await readdir(RECORDINGS_FOLDER);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const wanted = names.filter((name) => name.endsWith('.json') && numbers.includes(name.slice(0, 2))).sort();
  return Promise.all(
    wanted.map(async (name) => v.parse(Scenario, JSON.parse(await readFile(`${RECORDINGS_FOLDER}${name}`, 'utf8')))),
  );
}

/**
 * What was sent: JSON that was parsed by the recorder, the bytes of Protocol Buffers, or those of what it has decoded, with what was learned
 * since put into it; or text that was neither, with long runs written out again.
 */
export function bodyOf(body: unknown): string | Buffer | undefined {
  if (body === undefined) return undefined;
  const { text, decoded, base64 }: { text?: unknown; decoded?: unknown; base64?: unknown } =
    typeof body === 'object' && body !== null ? body : {};
  if (typeof text === 'string') {
    return text.replace(/<(\d+) times (.)>/g, (_match, times: string, letter: string) => letter.repeat(Number(times)));
  }
  if (typeof decoded === 'object' && decoded !== null) return encodeProtobuf(decoded);
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : JSON.stringify(body);
}

export function isWatch(exchange: Exchange): boolean {
  return exchange.response.events !== undefined;
}

/** What is in a body: one of Protocol Buffers is taken as the server's own codec has read it, or where it could not, as ours reads it. */
export function contentOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  if ('decoded' in body) return body.decoded;
  return 'base64' in body && typeof body.base64 === 'string' ? decodeProtobuf(Buffer.from(body.base64, 'base64')) : body;
}
