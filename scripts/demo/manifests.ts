import { readFileSync } from 'node:fs';
import type { KubeObject } from '@hawser/protocol';
import { parseYamlDocuments, YamlError } from '@hawser/settings';

/** A manifest file that cannot be used; the message names file, document and reason. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** Kubernetes takes 3 MiB in a request; a file of manifests above this is a mistake. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** What the YAML library takes by default. */
const MAX_ALIASES = 100;
/** A million lines or so: the person at the terminal has named the file. */
const MAX_TOKENS = 5_000_000;

/**
 * Every object of the YAML files, in order; the items of a `List` one by one.
 * @throws ManifestError for a file that is not there, is no YAML, or holds something that is no Kubernetes object
 */
export function loadManifests(files: readonly string[]): KubeObject[] {
  return files.flatMap((file) => parseManifests(read(file), file));
}

export function parseManifests(text: string, file: string): KubeObject[] {
  // Charts and operators leave `{{ … }}` behind for values that this demonstration does not have.
  const filled = text.replace(/\{\{[^{}]*\}\}/g, 'placeholder');
  return documentsIn(filled, file).flatMap((value, index) =>
    value === null || value === undefined ? [] : objectsIn(value, `${file}, document ${index + 1}`),
  );
}

/** Aliases are followed here, and only so far: a few lines can name billions of values. */
function documentsIn(text: string, file: string): unknown[] {
  try {
    return parseYamlDocuments(text, { aliases: MAX_ALIASES, tokens: MAX_TOKENS });
  } catch (cause) {
    if (!(cause instanceof YamlError)) throw cause;
    const where = cause.document === undefined ? file : `${file}, document ${cause.document}`;
    throw new ManifestError(`${where} ${cause.why === 'syntax' ? 'is no YAML' : 'cannot be read'}: ${cause.message}`, { cause });
  }
}

function objectsIn(value: unknown, where: string): KubeObject[] {
  if (!isRecord(value) || typeof value.apiVersion !== 'string' || typeof value.kind !== 'string') {
    throw new ManifestError(`${where} is no Kubernetes object: it has no apiVersion and kind`);
  }
  if (Array.isArray(value.items) && value.kind.endsWith('List')) {
    return value.items.flatMap((item, index) => objectsIn(item, `${where}, item ${index + 1}`));
  }
  if (!isRecord(value.metadata) || typeof value.metadata.name !== 'string') {
    throw new ManifestError(`${where}: ${value.kind} has no metadata.name`);
  }
  return [{ ...value, apiVersion: value.apiVersion, kind: value.kind, metadata: value.metadata }];
}

function read(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MAX_FILE_BYTES)
      throw new ManifestError(`${file} has ${bytes.length} bytes; at most ${MAX_FILE_BYTES} are read`);
    return bytes.toString('utf8');
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw new ManifestError(`cannot read ${file}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
