import type { JsonObject } from '@hawser/protocol';
import { badRequest, quote, unsupportedMediaType } from '../status.ts';

/** apiVersion and kind. */
export interface Gvk {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * A body in Protocol Buffers as the object that it would be in JSON. `expected` is what it is where its envelope names no kind; `unrecognized`
 * makes the refusal of what is no envelope. Of another kind that is not known here only apiVersion and kind come back, for the caller to refuse.
 * @throws ApiError 400, and as `unrecognized` says; 415 for a kind that is served, but not in Protocol Buffers
 */
export async function parseProtobuf(body: Buffer, expected: Gvk, unrecognized: (why: string) => Error): Promise<JsonObject> {
  // Loaded when first needed: a device whose clients all speak JSON is spared the field table.
  const { openEnvelope, decodeEnvelope, ProtobufError } = await import('../protobuf/index.ts');
  const refuse = (cause: unknown, refusal: (why: string) => Error) =>
    cause instanceof ProtobufError ? refusal(cause.message) : cause;
  let envelope: ReturnType<typeof openEnvelope>;
  try {
    envelope = openEnvelope(body);
  } catch (cause) {
    throw refuse(cause, unrecognized);
  }
  const { apiVersion, kind } = envelope.kind === '' ? expected : envelope;
  try {
    return decodeEnvelope(envelope, expected) ?? withoutFields({ apiVersion, kind }, expected);
  } catch (cause) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    throw refuse(cause, (why) => badRequest(`${kind} in version ${quote(version)} cannot be handled as a ${kind}: ${why}`));
  }
}

function withoutFields({ apiVersion, kind }: Gvk, expected: Gvk): JsonObject {
  if (kind === expected.kind && apiVersion === expected.apiVersion) {
    throw unsupportedMediaType(
      `the body of the request was in an unknown format for a ${kind} - accepted media types include: application/json, application/yaml`,
    );
  }
  if (expected.kind === '')
    throw badRequest(`no kind ${quote(kind.slice(0, 100))} is registered for version ${quote(apiVersion.slice(0, 100))}`);
  return { apiVersion, kind };
}
