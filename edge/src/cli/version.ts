import { isSea } from 'node:sea';
import { DICTIONARIES, HawserError, PROTOCOL_VERSIONS } from '@hawser/protocol';
import { sqliteVersion } from '../store/index.ts';
import type { CliIo } from './io.ts';

/** `hawser-agent version`: one line, or with `-o json` what a report of a fault should have with it. */
export function version(text: string, output: 'text' | 'json', io: Pick<CliIo, 'write'>): void {
  if (output === 'text') {
    io.write(`hawser-agent ${text}\n`);
    return;
  }
  const facts = {
    version: text,
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    executable: isSea(),
    ...sqlite(),
    protocol: PROTOCOL_VERSIONS,
    dictionaries: DICTIONARIES.map(({ id }) => id),
  };
  io.write(`${JSON.stringify(facts, undefined, 2)}\n`);
}

/** The one that is loaded; where it cannot be, the rest is told all the same. */
function sqlite(): { readonly sqlite: string | null; readonly sqliteFault?: string } {
  try {
    return { sqlite: sqliteVersion() };
  } catch (error) {
    if (!(error instanceof HawserError)) throw error;
    return { sqlite: null, sqliteFault: error.message };
  }
}
