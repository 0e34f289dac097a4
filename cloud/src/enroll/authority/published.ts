import type { X509Certificate } from 'node:crypto';
import { HawserError, isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import { AUTHORITY_NAME, LABELS } from './names.ts';
import { pemOf, readCertificates } from './pem.ts';

/**
 * What everybody may know of the relays, in a ConfigMap, so that a join line can be written without a right to the private key:
 *
 * | key | holds |
 * |---|---|
 * | ca.crt | all trusted authorities, the newest first |
 * | relays | addresses for join lines, `wss://HOST:PORT`, one a line |
 */
export interface Published {
  readonly certificates: readonly X509Certificate[];
  readonly relays: readonly string[];
}

const KEYS = { certificates: 'ca.crt', relays: 'relays' } as const;

/** The ConfigMap where there is none yet. */
export function publishedConfigMap(published: Published): string {
  const metadata = { name: AUTHORITY_NAME, labels: LABELS };
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: dataOf(published) });
}

/**
 * The ConfigMap that was read, made to say it, with what others have added; as an update it takes effect only on what was read.
 * @returns undefined when it says it already
 * @throws HawserError `malformed_object` for what is no object of the API
 */
export function publishedUpdate(text: string, published: Published): string | undefined {
  const configMap = parse(text);
  const { metadata, data } = configMap;
  if (!isJsonObject(metadata) || typeof metadata.resourceVersion !== 'string') throw malformed('has no resourceVersion');
  const wanted = dataOf(published);
  const has = isJsonObject(data) ? data : {};
  if (Object.entries(wanted).every(([name, value]) => has[name] === value)) return undefined;
  return JSON.stringify({ ...configMap, data: { ...has, ...wanted } });
}

/** @throws HawserError `malformed_object`: not a ConfigMap of relays, or one that somebody has changed */
export function readPublished(text: string): Published {
  const { data } = parse(text);
  const { [KEYS.certificates]: pem, [KEYS.relays]: relays } = isJsonObject(data) ? data : {};
  if (typeof pem !== 'string') throw malformed(`has no ${KEYS.certificates}`);
  const certificates = readCertificates(pem, `the ConfigMap ${AUTHORITY_NAME}, ${KEYS.certificates}`);
  if (certificates.length === 0) throw malformed(`has no certificate in ${KEYS.certificates}`);
  return { certificates, relays: typeof relays === 'string' ? relays.split('\n').filter((relay) => relay !== '') : [] };
}

function dataOf({ certificates, relays }: Published): Record<string, string> {
  return { [KEYS.certificates]: pemOf(certificates), [KEYS.relays]: relays.map((relay) => `${relay}\n`).join('') };
}

function parse(text: string): JsonObject {
  try {
    const value: JsonValue = parseJson(text);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw malformed('is no JSON object');
}

function malformed(why: string): HawserError {
  return new HawserError('malformed_object', `the ConfigMap ${AUTHORITY_NAME} ${why}`);
}
