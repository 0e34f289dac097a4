import { randomInt } from 'node:crypto';
import { HawserError, isNodeName, isRelayUrl, keyHash, parseSpan } from '@hawser/protocol';
import { Option } from 'commander';
import { systemClock } from '../clock.ts';
import {
  createCaAdministration,
  createTokenAdministration,
  type NewToken,
  type Published,
  type StoredToken,
  type TokenAdministration,
} from '../enroll/index.ts';
import { ADMINISTRATOR_HELP, type Administrator, addAdministrator, asAdministrator, refusedBy } from './administrator.ts';
import { alignColumns } from './columns.ts';
import type { CommandGroup } from './io.ts';

const TOKEN_ID = /^[a-z0-9]{6}$/;
/** A token is for a delivery or a day of work; whoever needs one for longer than a year has forgotten it by then. In seconds. */
const MAX_TTL_SECONDS = 366 * 86_400;
const DEFAULT_TTL = '24h';

const CREATE_HELP = `
Makes a bootstrap token, a Secret in kube-system, and prints the whole line to run on the device. The addresses of the relays and the hash of
the authority come from the ConfigMap hawser-ca, which the relays write (enroll.relays); --relay takes others in its place.

An ordinary token joins any number of devices until it ends. --node-name and --single-use narrow it: who finds the line later gets nothing
by it. A use is that of the key that the device has made: the same device may run its line again. --may-replace is for a device that
takes the place of another one, which is locked out by it; such a token should have both of the others.

Examples:
  hawser-relay token create
  hawser-relay token create --node-name truck-17 --single-use --ttl 2h
  hawser-relay token create --node-name truck-17 --single-use --may-replace --description "new board"
  hawser-relay token create --relay wss://relay.example:8443 -o json | jq -r .token
${ADMINISTRATOR_HELP}`;

const LIST_HELP = `
All bootstrap tokens of the cluster, those of kubeadm among them; never their secrets. Ended ones are deleted by the cluster.

Examples:
  hawser-relay token list
  hawser-relay token list -o json
${ADMINISTRATOR_HELP}`;

const DELETE_HELP = `
Nobody joins with it from now on. Devices that have joined stay what they are: see "hawser-relay revoke".

Example:
  hawser-relay token delete abcdef
${ADMINISTRATOR_HELP}`;

interface CreateFlags {
  readonly nodeName?: string;
  readonly singleUse: boolean;
  readonly mayReplace: boolean;
  readonly ttl: string;
  readonly description: string;
  readonly relay: readonly string[];
  readonly output: 'text' | 'json';
}

/** `hawser-relay token …` */
export const tokenCommands: CommandGroup = (program, io) => {
  const token = program.command('token').description('tokens with which devices join');

  const create = token
    .command('create')
    .description('make a token, and print the line to run on the device')
    .option('--node-name <name>', 'for a device of this name alone')
    .option('--single-use', 'for one device', false)
    .option('--may-replace', 'may take a name from the device that holds it', false)
    .option('--ttl <time>', 'how long it is good for: 30m, 24h, 7d', DEFAULT_TTL)
    .option('--description <text>', 'what it is for, told in lists', '')
    .addOption(
      new Option('--relay <address>', 'address that the device dials, wss://HOST:PORT; may be given again')
        .argParser((address: string, before: readonly string[]) => [...before, address])
        .default([], 'those of the relays'),
    )
    .addOption(outputOption())
    .addHelpText('after', CREATE_HELP);
  addAdministrator(create).action((flags: CreateFlags) =>
    asAdministrator(create, io, async (administrator) => {
      const ttlMs = checked(flags) * 1000;
      // Before there is a token that nobody can use.
      const join = joinOf(await published(administrator), flags, administrator.namespace);
      const made = await administration(administrator).create({
        description: flags.description,
        expiration: new Date(systemClock.now().getTime() + ttlMs),
        nodeName: flags.nodeName,
        isSingleUse: flags.singleUse,
        mayReplace: flags.mayReplace,
      });
      io.write(flags.output === 'json' ? inJson(made, join) : `${joinLine(made, join)}\n`);
    }),
  );

  const list = token.command('list').description('list the tokens').addOption(outputOption()).addHelpText('after', LIST_HELP);
  addAdministrator(list).action(({ output }: { output: string }) =>
    asAdministrator(list, io, async (administrator) => {
      const tokens = await administration(administrator).list();
      const now = systemClock.now();
      if (output === 'json')
        io.write(
          `${JSON.stringify(
            tokens.map((one) => shown(one, now)),
            null,
            2,
          )}\n`,
        );
      else if (tokens.length === 0) io.write('there are no tokens\n');
      else io.write(alignColumns([COLUMNS, ...tokens.map((one) => row(one, now))]));
    }),
  );

  const remove = token
    .command('delete')
    .description('delete a token')
    .argument('<id>', 'the six letters before the dot')
    .addHelpText('after', DELETE_HELP);
  addAdministrator(remove).action((id: string) =>
    asAdministrator(remove, io, async (administrator) => {
      // A whole token is not repeated in a message.
      if (!TOKEN_ID.test(id)) throw new HawserError('bad_config', 'the id of a token has six of the characters a-z and 0-9');
      const wasThere = await administration(administrator).remove(id);
      io.write(wasThere ? `${id}: deleted\n` : `${id}: there was no such token\n`);
    }),
  );
};

function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text');
}

function administration({ api }: Administrator): TokenAdministration {
  return createTokenAdministration({ api, randomInt, refusedBy });
}

function published({ api, namespace }: Administrator): Promise<Published> {
  return createCaAdministration({ api, namespace, clock: systemClock, refusedBy }).published();
}

/** @returns the time to live, in seconds */
function checked({ nodeName, ttl, relay }: CreateFlags): number {
  if (nodeName !== undefined && !isNodeName(nodeName)) {
    throw new HawserError('bad_config', `--node-name: ${JSON.stringify(nodeName)} cannot be the name of a Node`);
  }
  const wrong = relay.find((address) => !isRelayUrl(address));
  if (wrong !== undefined) {
    throw new HawserError('bad_config', `--relay: ${JSON.stringify(wrong)} is no address of a relay: wss://HOST:PORT`);
  }
  const seconds = parseSpan(ttl);
  if (seconds === undefined || seconds <= 0 || seconds > MAX_TTL_SECONDS) {
    throw new HawserError(
      'bad_config',
      `--ttl: ${JSON.stringify(ttl)} is no time between a second and 366 days, such as 30m, 24h, 7d`,
    );
  }
  return seconds;
}

/** What a join line names beside the token. */
interface Join {
  readonly relays: readonly string[];
  readonly caHash: string;
}

function joinOf({ certificates, relays }: Published, flags: CreateFlags, namespace: string): Join {
  const [newest] = certificates;
  if (newest === undefined) throw new HawserError('unsupported', `the ConfigMap ${namespace}/hawser-ca names no authority`);
  const named = flags.relay.length > 0 ? flags.relay : relays;
  if (named.length === 0) {
    const message = `the ConfigMap ${namespace}/hawser-ca names no relays: start the relays with the setting enroll.relays, or name one with --relay wss://HOST:PORT`;
    throw new HawserError('unsupported', message);
  }
  return { relays: named, caHash: keyHash(newest.publicKey) };
}

/** To be pasted into a shell. */
function joinLine({ id, secret, nodeName, mayReplace }: NewToken, { relays, caHash }: Join): string {
  return [
    'hawser-agent join',
    ...relays.map(quoted),
    `--token ${id}.${secret}`,
    `--ca-hash ${caHash}`,
    ...(nodeName === undefined ? [] : [`--node-name ${nodeName}`]),
    ...(mayReplace ? ['--replace'] : []),
  ].join(' ');
}

/** A word that no shell changes, or takes apart. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_.:/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function inJson(token: NewToken, join: Join): string {
  const { id, secret, expiration, nodeName, isSingleUse, mayReplace, description } = token;
  const fields = { id, token: `${id}.${secret}`, expires: expiration.toISOString(), description };
  const bounds = { nodeName: nodeName ?? null, singleUse: isSingleUse, mayReplace };
  return `${JSON.stringify({ ...fields, ...bounds, ...join, join: joinLine(token, join) }, null, 2)}\n`;
}

const COLUMNS = ['ID', 'STATE', 'EXPIRES', 'FOR', 'USES', 'REPLACES', 'DESCRIPTION'];

/** Why nobody joins with it now; undefined when somebody may. */
function closedBy({ unusable, expiration, usedBy }: StoredToken, now: Date): string | undefined {
  if (unusable !== undefined) return unusable;
  if (expiration !== undefined && expiration <= now) return 'ended';
  return usedBy === undefined ? undefined : 'used';
}

function row(token: StoredToken, now: Date): readonly string[] {
  const { id, expiration, nodeName, isSingleUse, mayReplace, description } = token;
  const ends = expiration === undefined ? 'never' : expiration.toISOString();
  const uses = isSingleUse ? 'one' : 'any';
  return [
    id,
    closedBy(token, now) ?? 'good',
    ends,
    nodeName ?? 'any name',
    uses,
    mayReplace ? 'yes' : 'no',
    printable(description),
  ];
}

function shown(token: StoredToken, now: Date): object {
  const { id, expiration, nodeName, isSingleUse, usedBy, mayReplace, description } = token;
  return {
    id,
    state: closedBy(token, now) ?? 'good',
    expires: expiration?.toISOString() ?? null,
    nodeName: nodeName ?? null,
    singleUse: isSingleUse,
    usedBy: usedBy ?? null,
    mayReplace,
    description,
  };
}

/** Somebody else may have written it: nothing that a terminal would act on. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ').slice(0, 200);
}
