import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@hawser/protocol';
import * as v from 'valibot';
import { loadScenarios } from '../../replay/recording.ts';

const EXAMPLES = fileURLToPath(new URL('../../../../shared/kubernetes-types/examples/', import.meta.url));

/** One object as it stood in Protocol Buffers, envelope and all, and as Kubernetes' own codec shows it in JSON. */
export interface KnownBody {
  readonly from: string;
  readonly bytes: Buffer;
  readonly json: JsonObject;
}

export interface KnownFrame extends KnownBody {
  /** Without its length; `json` is the whole event. */
  readonly bytes: Buffer;
}

const InBase64 = v.object({ base64: v.string(), decoded: v.record(v.string(), v.any()) });
const FramedEvent = v.object({ frameBase64: v.string(), line: v.record(v.string(), v.any()) });

/** Every body in Protocol Buffers of the recordings that was decoded by the recorder; undefined where there are no recordings. */
export async function recordedBodies(): Promise<{ bodies: KnownBody[]; frames: KnownFrame[] } | undefined> {
  const scenarios = await loadScenarios(Array.from({ length: 9 }, (_, index) => `0${index + 1}`));
  if (scenarios === undefined) return undefined;
  const bodies: KnownBody[] = [];
  const frames: KnownFrame[] = [];
  for (const { name, exchanges } of scenarios) {
    for (const [index, { request, response }] of exchanges.entries()) {
      for (const [side, { body }] of Object.entries({ request, response })) {
        if (!v.is(InBase64, body)) continue;
        bodies.push({ from: `${name} #${index} ${side}`, bytes: Buffer.from(body.base64, 'base64'), json: body.decoded });
      }
      for (const [at, event] of (response.events ?? []).entries()) {
        if (!v.is(FramedEvent, event)) continue;
        frames.push({ from: `${name} #${index} event ${at}`, bytes: Buffer.from(event.frameBase64, 'base64'), json: event.line });
      }
    }
  }
  return { bodies, frames };
}

/** Objects with every field filled in, from Kubernetes' own round-trip data; undefined where they are not. */
export async function exampleBodies(): Promise<KnownBody[] | undefined> {
  let names: string[];
  try {
    names = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.pb')).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return Promise.all(
    names.map(async (name) => ({
      from: name,
      bytes: await readFile(`${EXAMPLES}${name}`),
      json: JSON.parse(await readFile(`${EXAMPLES}${name.replace(/\.pb$/, '.json')}`, 'utf8')),
    })),
  );
}
