import { isDeepStrictEqual } from 'node:util';
import { HawserError } from '@hawser/protocol';
import { parseYaml, YamlError } from '@hawser/settings';
import { isFields } from '../../api/fields.ts';
import type { Fields } from './template.ts';

/** Why a field is not the operator's to set. */
const KEPT: Readonly<Record<string, string>> = {
  apiVersion: 'this is the only version that the agent writes',
  kind: 'it is a KubeletConfiguration',
  address: 'what the kubelet serves is for this device alone, so it listens on loopback',
  readOnlyPort: 'it would show pods to whoever connects, without asking who that is',
  authentication: 'the local API says who comes to the kubelet, by TokenReviews',
  authorization: 'the local API says what they may there, by SubjectAccessReviews',
  tlsCertFile: 'the agent makes this certificate',
  tlsPrivateKeyFile: 'the agent makes this key',
  rotateCertificates: 'the kubelet shows the local API a token, and has no certificate to renew',
  serverTLSBootstrap: 'the agent makes the certificate of the kubelet’s server',
  registerNode: 'the Node is registered by its kubelet, and without it nothing is sent here',
  runOnce: 'the kubelet would end after its first look',
};

/**
 * What an operator wants otherwise, over the template: sections are merged, anything else takes the template's place, and null takes a
 * field away, so that the kubelet's own default holds.
 * @param path of the operator's file, for messages
 * @throws HawserError `bad_config` with one line for each field that is not to be set
 */
export function withOverride(template: Fields, override: Fields, path: string): Fields {
  const lines = Object.entries(override)
    .filter(([name, value]) => Object.hasOwn(KEPT, name) && !isDeepStrictEqual(value, template[name]))
    .map(([name]) => `kubelet.config: ${path}: ${name} cannot be set: ${KEPT[name]}`);
  if (lines.length > 0) throw new HawserError('bad_config', lines.join('\n'));
  return merged(template, override);
}

/** @throws HawserError `bad_config` for what is no YAML, no mapping, or too much */
export function parseOverride(text: string, path: string): Fields {
  let content: unknown;
  try {
    content = parseYaml(text);
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    throw new HawserError('bad_config', `kubelet.config: ${path} is no YAML: ${cause.message}`, { cause });
  }
  // An empty file overrides nothing.
  if (content === null || content === undefined) return {};
  if (!isFields(content)) {
    throw new HawserError(
      'bad_config',
      `kubelet.config: ${path} must hold fields of a KubeletConfiguration, such as "maxPods: 30"`,
    );
  }
  return content;
}

/** As deep as the YAML, whose nesting is bounded. */
function merged(base: Fields, over: Fields): Fields {
  const result = new Map(Object.entries(base));
  for (const [name, value] of Object.entries(over)) {
    const below = result.get(name);
    if (value === null || value === undefined) result.delete(name);
    else result.set(name, isFields(value) && isFields(below) ? merged(below, value) : value);
  }
  return Object.fromEntries(result);
}
