import { findText, resolveText, sourcesOf } from '@hawser/settings';
import type { Command } from 'commander';
import { SETTINGS } from '../ops/settings.ts';
import { type KeySource, keySourceOf, readingSealOf } from '../ops/store-key.ts';
import type { SealSource } from '../store/index.ts';
import { CONFIG_PLACE } from './config-place.ts';
import type { CliIo } from './io.ts';

/** Where an executable has its SQLite: whatever opens a store, or says the version of SQLite. */
export const LIBRARY = SETTINGS.filter(({ path }) => path === 'cacheDir');

/** What the commands that only read the store need to know. */
export const READING = SETTINGS.filter(({ path }) => path === 'dataDir' || path === 'cacheDir');

/** What those need to know that read or write Secrets in it. */
export const STORE = SETTINGS.filter(({ path }) => path === 'dataDir' || path === 'cacheDir' || path === 'store.key');

/** What says that the agent has a certificate that it was given. */
const OWN_CERTIFICATE = SETTINGS.filter(({ path }) => path === 'tls.cert');

/** The operator's own certificate, of the configuration file or a variable. */
export function ownCertificateOf(command: Command, env: CliIo['env']): string | undefined {
  return findText('tls.cert', OWN_CERTIFICATE, sourcesOf(command, OWN_CERTIFICATE, env, CONFIG_PLACE));
}

export function dataDirOf(command: Command, env: CliIo['env']): string {
  return resolveText('dataDir', READING, sourcesOf(command, READING, env, CONFIG_PLACE));
}

/** Undefined for the default, and for commands that open no store. @throws HawserError `bad_config` */
export function cacheDirOf(command: Command, env: CliIo['env']): string | undefined {
  if (!command.options.some(({ long }) => long === '--cache-dir')) return undefined;
  return findText('cacheDir', LIBRARY, sourcesOf(command, LIBRARY, env, CONFIG_PLACE));
}

/** @throws HawserError `bad_config` */
export function keySourceFor(command: Command, env: CliIo['env']): KeySource {
  const key = findText('store.key', STORE, sourcesOf(command, STORE, env, CONFIG_PLACE));
  return keySourceOf(key, dataDirOf(command, env), env.CREDENTIALS_DIRECTORY);
}

/** Looks for the key when something sealed is read, and not before: it may be readable by the agent alone. */
export function sealFor(command: Command, env: CliIo['env']): SealSource {
  return (stored) => readingSealOf(keySourceFor(command, env))(stored);
}
