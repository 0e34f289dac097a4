import { timingSafeEqual } from 'node:crypto';
import type { ApiRequest, ApiResponse } from '@hawser/edge';
import * as v from 'valibot';
import type { Faults } from './faults.ts';

/** Where the faults are switched over HTTP. */
export const FAULTS_PATH = '/-/faults';
const BODY_LIMIT_BYTES = 64 * 1024;

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Fault = v.variant('type', [
  v.strictObject({ type: v.literal('answer'), status: v.picklist([429, 500, 503]), retryAfterSeconds: v.exactOptional(Whole) }),
  v.strictObject({ type: v.literal('delay'), milliseconds: Whole }),
  v.strictObject({ type: v.literal('hold') }),
  v.strictObject({ type: v.literal('holdAnswer') }),
  v.strictObject({ type: v.literal('stall') }),
  v.strictObject({ type: v.literal('cut') }),
  v.strictObject({ type: v.literal('expired') }),
  v.strictObject({ type: v.literal('emptyList') }),
]);
const Command = v.variant('do', [
  v.strictObject({
    do: v.literal('add'),
    fault: Fault,
    method: v.optional(v.string()),
    write: v.optional(v.boolean()),
    as: v.optional(v.string()),
    pathPrefix: v.optional(v.string()),
    watch: v.optional(v.boolean()),
    times: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  }),
  v.strictObject({ do: v.literal('clear') }),
  v.strictObject({ do: v.literal('releaseHeld') }),
  v.strictObject({ do: v.literal('cutWatches') }),
  v.strictObject({ do: v.literal('silenceWatches') }),
  v.strictObject({ do: v.literal('silenceOpenWatches') }),
  v.strictObject({ do: v.literal('speakWatches') }),
  v.strictObject({ do: v.literal('compact') }),
  v.strictObject({ do: v.literal('rewind'), revision: Whole }),
]);

/**
 * Answers `POST /-/faults`: a command as JSON, with the administrator's bearer token, such as
 * `{"do":"add","fault":{"type":"answer","status":429,"retryAfterSeconds":1},"pathPrefix":"/api/v1/pods","times":3}` or
 * `{"do":"cutWatches"}`. 204 when done, 400 with the mistake as text, 401 for another token, 405 for another method.
 * `GET /-/faults` answers how many requests and answers are held: `{"requests":0,"answers":2}`.
 * @returns false for every other path, which it leaves alone
 */
export function takeFaultCommand(faults: Faults, adminToken: string, request: ApiRequest, response: ApiResponse): boolean {
  if ((request.url ?? '').split('?', 1)[0] !== FAULTS_PATH) return false;
  if (!hasToken(request, adminToken)) end(response, 401, 'the administrator token is needed');
  else if (request.method === 'GET') end(response, 200, JSON.stringify(faults.held()), 'application/json');
  else if (request.method !== 'POST') end(response, 405, 'only GET and POST');
  else void take(faults, request, response);
  return true;
}

async function take(faults: Faults, request: ApiRequest, response: ApiResponse): Promise<void> {
  try {
    run(faults, v.parse(Command, JSON.parse(await readBody(request))));
    end(response, 204, '');
  } catch (error) {
    end(response, 400, error instanceof Error ? error.message : String(error));
  }
}

function run(faults: Faults, command: v.InferOutput<typeof Command>): void {
  switch (command.do) {
    case 'add':
      faults.add(command);
      return;
    case 'rewind':
      faults.rewind(command.revision);
      return;
    default:
      faults[command.do]();
  }
}

async function readBody(request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > BODY_LIMIT_BYTES) throw new Error(`the body is longer than ${BODY_LIMIT_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function hasToken(request: ApiRequest, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function end(response: ApiResponse, status: number, message: string, contentType = 'text/plain'): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(message);
}
