import { HawserError } from '@hawser/protocol';
import { addSettings } from '@hawser/settings';
import type { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { systemClock } from '../api/clock.ts';
import { storePath } from '../ops/paths.ts';
import { type KeySource, keySourceOf, prepareNext, sealOf, settleNext } from '../ops/store-key.ts';
import { openStore, PLAIN, readStore, rekeyStore, setStoreAside, type Untold } from '../store/index.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import { CONFIG_PLACE } from './config-place.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { dataDirOf, keySourceFor, READING, STORE } from './needed-settings.ts';

const REKEY_HELP = `
The agent must not run. Everything that is sealed in the store is sealed with the new key, in one transaction: interrupted, the store
lies under the old one. --store-key says the key that it lies under now, as for "run"; --new-key the new one:

  generated         a new DATA_DIR/store.key; the default where that is the present one
  PATH              a file: 32 bytes, 64 hex digits, or base64 of 32 bytes
  credential:NAME   a credential of systemd
  none              nothing is sealed any more

Where the setting itself becomes another, change it before the agent is started again.

Examples:
  hawser-agent store rekey
  hawser-agent store rekey --new-key /etc/hawser/store.key
  hawser-agent store rekey --store-key /etc/hawser/old.key --new-key generated

Exit codes: 0 done, 1 no store, or an agent has it open, 2 wrong command line or key.
`;

const DROP_HELP = `
For a key that is lost. The agent must not run. Secrets, tokens and kept answers that the present key does not open go, with what the
device has written to such Secrets; where the key file is missing, a new one is made. All else stays: pods, ConfigMaps, what waits for
the cloud. The cloud sends the Secrets again with the next link; before that no pod starts that needs one.

Example:
  hawser-agent store drop-secrets

Exit codes: 0 done, or there was nothing to drop; 1 no store, or an agent has it open; 2 wrong command line or key.
`;

const ASIDE_HELP = `
For a device that goes to another cluster, and for a store that this version cannot read. The agent must not run. The store is renamed, not
deleted; the next start begins a new one, which the cloud fills. Until then the device serves nothing. What the cloud has not been told
of (see "hawser-agent outbox") stays in the old store and is not told any more: that needs --yes. What the device has joined as stays.

Examples:
  hawser-agent store set-aside
  hawser-agent store set-aside --yes && hawser-agent join wss://relay.new:8443 --token … --ca-hash … --rejoin

Exit codes: 0 moved; 1 no store, an agent has it open, or --yes is needed; 2 wrong command line.
`;

/** `hawser-agent store rekey`, `store drop-secrets` and `store set-aside`. */
export function addStoreCommands(program: Command, io: CliIo): void {
  const store = program.command('store').description('the store of a stopped agent: its key, another cluster');

  const rekeyCommand = store
    .command('rekey')
    .description('seal the store with another key')
    .option('--new-key <key>', 'generated, PATH, credential:NAME or none');
  addSettings(rekeyCommand, STORE, CONFIG_PLACE).action(() => {
    const { newKey } = rekeyCommand.opts<{ newKey?: string }>();
    rekey(dataDirOf(rekeyCommand, io.env), keySourceFor(rekeyCommand, io.env), newKey, io);
  });
  rekeyCommand.addHelpText('after', REKEY_HELP);

  const dropCommand = store.command('drop-secrets').description('give up Secrets whose key is lost: the cloud sends them again');
  addSettings(dropCommand, STORE, CONFIG_PLACE).action(() => {
    dropSecrets(dataDirOf(dropCommand, io.env), keySourceFor(dropCommand, io.env), io);
  });
  dropCommand.addHelpText('after', DROP_HELP);

  const asideCommand = store
    .command('set-aside')
    .description('begin a new store: for another cluster')
    .option('--yes', 'also where reports wait that the cloud has not been told of');
  addSettings(asideCommand, READING, CONFIG_PLACE).action(() => {
    const { yes } = asideCommand.opts<{ yes?: boolean }>();
    setAside(dataDirOf(asideCommand, io.env), yes === true, io);
  });
  asideCommand.addHelpText('after', ASIDE_HELP);
}

function rekey(dataDir: string, from: KeySource, newKey: string | undefined, io: CliIo): void {
  if (newKey === undefined && from.type !== 'generated') {
    throw new HawserError('bad_config', '--new-key: say which key is to take the place of the one in store.key');
  }
  const path = storePath(dataDir);
  requireStore(path);
  const named = newKey === undefined || newKey === 'generated' ? undefined : newKey;
  const to = keySourceOf(named, dataDir, io.env.CREDENTIALS_DIRECTORY);
  const inPlace = from.type === 'generated' && to.type === 'generated';
  let name = PLAIN.name;
  const rows = rekeyStore({
    path,
    from: sealOf(from),
    to: () => (inPlace ? prepareNext(to) : sealOf(to)(undefined)),
    onSealed: (seal) => {
      name = seal.name;
      if (inPlace) settleNext(to, seal.name);
    },
    logger: loggerOf(io),
  });
  io.write(name === PLAIN.name ? `${rows} texts are not sealed any more.\n` : `${rows} texts are sealed with the key ${name}.\n`);
  if (!inPlace)
    io.write(
      `Before the agent is started: ${to.type === 'generated' ? 'take store.key out of its settings' : `set store.key to ${newKey}`}.\n`,
    );
}

function dropSecrets(dataDir: string, source: KeySource, io: CliIo): void {
  const path = storePath(dataDir);
  requireStore(path);
  let isForeign = false;
  const store = openStore({
    path,
    seal: (stored) => {
      const seal = sealOf(source, 'anew')(stored);
      isForeign = stored !== undefined && stored !== seal.name;
      return seal;
    },
    foreignSeal: 'drop',
    factsOfWhole: [SYNC_FACTS.lastSync],
    clock: systemClock,
    logger: loggerOf(io),
  });
  store.close();
  io.write(
    isForeign
      ? 'What the key does not open is gone; the cloud sends its Secrets again.\n'
      : 'The key opens the store: nothing was dropped.\n',
  );
}

function setAside(dataDir: string, evenIfUntold: boolean, io: CliIo): void {
  const result = setStoreAside(storePath(dataDir), evenIfUntold, io.now());
  if (result.type === 'moved') {
    io.write(`The store is now ${result.to}; the next start begins a new one.\n`);
    return;
  }
  throw new CommandFailure(
    EXIT.failed,
    `${inWords(result.untold)}: with --yes they go with the store, and nothing was changed now. To have them told, let the agent run with ` +
      'its link until "hawser-agent outbox" shows none',
  );
}

function inWords(untold: Untold): string {
  if (untold === 'unknown')
    return 'this version cannot read the store, so reports may be in it that the cloud has not been told of';
  return `${untold} reports are in the store that the cloud has not been told of`;
}

/** Opening would make one. */
function requireStore(path: string): void {
  readStore(path).close();
}

function loggerOf({ writeError }: CliIo): Logger {
  return pino({ base: null, level: 'warn', timestamp: false }, { write: writeError });
}
