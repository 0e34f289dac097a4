import {
  apiVersionOf,
  decodeBody,
  type EncodedBody,
  HawserError,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  type Question,
  requireBoundedDepth,
  resourceById,
} from '@hawser/protocol';

/**
 * The JSON text of an answer: an object, and for a get the one that was asked for.
 * @throws HawserError `protocol` for anything else, and for what does not unpack or is over MAX_BODY_BYTES
 */
export function answerBody(question: Question, encoded: EncodedBody): string {
  try {
    const body = decodeBody(encoded);
    const object = parsed(body);
    if (question.type === 'get' && !isNamed(object, question)) throw new Error('it is another object than was asked for');
    return body;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HawserError('protocol', `the answer about ${describeQuestion(question)} cannot be read: ${why}`, { cause });
  }
}

/** `get secrets/shop/tls`, `submit pods/shop/web-0/eviction`: for logs and messages. */
export function describeQuestion(question: Question): string {
  const { type, resource, namespace, name } = question;
  const subresource = question.type === 'submit' && question.subresource !== '' ? `/${question.subresource}` : '';
  return `${type} ${resource}/${namespace}/${name}${subresource}`;
}

function parsed(body: string): JsonObject {
  const value: JsonValue = parseJson(body);
  requireBoundedDepth(value);
  if (!isJsonObject(value)) throw new Error('it is no object');
  return value;
}

function isNamed({ apiVersion, kind, metadata }: JsonObject, { resource: id, namespace, name }: Question): boolean {
  const resource = resourceById(id);
  const isOfResource = resource !== undefined && resource.kind === kind && apiVersionOf(resource) === apiVersion;
  return isOfResource && isJsonObject(metadata) && metadata.name === name && (metadata.namespace ?? '') === namespace;
}
