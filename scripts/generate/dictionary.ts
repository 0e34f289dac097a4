/**
 * Makes the static Zstandard dictionary protocol/src/dictionary/kubernetes-1.ts (`npm run generate`) out of objects that are
 * written in the folder beside this file. The result is committed; a test makes it again and compares. Once a release has
 * carried a dictionary it is never changed: a better one gets the next number.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@hawser/protocol';
import * as cluster from './dictionary/cluster.ts';
import * as config from './dictionary/config.ts';
import * as pods from './dictionary/pods.ts';

export const DICTIONARY_FILE = join(import.meta.dirname, '..', '..', 'protocol', 'src', 'dictionary', 'kubernetes-1.ts');

/** What is most common last: matches that lie nearer cost fewer bits. */
const SAMPLES: readonly JsonObject[] = [
  cluster.runtimeClass,
  cluster.driver,
  cluster.attachment,
  cluster.volume,
  cluster.claim,
  cluster.endpoints,
  cluster.otherService,
  cluster.serviceAccount,
  cluster.namespace,
  config.settings,
  config.clusterCertificates,
  ...config.secrets,
  cluster.endpointSlice,
  cluster.service,
  pods.rarerPod,
  cluster.node,
  pods.bestEffortPod,
  pods.deploymentPod,
  config.environment,
  config.plain,
];

/** A repetition shorter than this is left in place: cutting it out would only tear what stands around it. */
const MIN_REPETITION = 20;

/** The samples one after another as canonical JSON, without what a later sample says as well: repetitions cost time and help nobody. */
export function dictionaryText(): string {
  return SAMPLES.reduceRight((later, sample) => withoutRepetitions(canonical(sample), later) + later, '');
}

function withoutRepetitions(text: string, later: string): string {
  let kept = '';
  for (let at = 0; at < text.length; ) {
    const length = repetition(text, at, later);
    if (length < MIN_REPETITION) kept += text[at];
    at += length < MIN_REPETITION ? 1 : length;
  }
  return kept;
}

/** How many characters from `at` on stand in `later`, too. */
function repetition(text: string, at: number, later: string): number {
  let length = MIN_REPETITION - 1;
  while (at + length < text.length && later.includes(text.slice(at, at + length + 1))) length += 1;
  return length;
}

export function dictionaryModule(): string {
  const lines = dictionaryText().match(/.{1,110}/gs) ?? [];
  const literal = lines.map((line) => `  ${quote(line)}`).join(',\n');
  return `// Made by scripts/generate/dictionary.ts. Once released it is never changed.\n/** Canonical objects, what is most common last. */\nexport const KUBERNETES_1 = [\n${literal},\n].join('');\n`;
}

/** Keys sorted as in the canonical form of protocol/src/canonical.ts, which takes whole objects only. */
function canonical(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field ?? null)}`).join(',')}}`;
}

/** As Biome writes it: in single quotes, unless that takes more backslashes. */
function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return escaped.includes("'") ? `"${escaped.replaceAll('"', '\\"')}"` : `'${escaped}'`;
}

if (import.meta.main) {
  writeFileSync(DICTIONARY_FILE, dictionaryModule());
  console.error(`protocol/src/dictionary/kubernetes-1.ts is made anew, ${Buffer.byteLength(dictionaryText())} bytes of text`);
}
