import * as v from 'valibot';

/**
 * Everything that can be set about the agent, in one schema: types and bounds. Where the values come from is `config.ts`; how
 * each is called as flag and variable, and its default, is in `SETTINGS` below.
 */
const file = v.pipe(v.string('must be the path of a file'), v.nonEmpty('must be the path of a file, and is empty'));
const folder = v.pipe(v.string('must be the path of a folder'), v.nonEmpty('must be the path of a folder, and is empty'));
const port = whole(0, 65_535);
const LOOPBACK = 'must be a loopback address: 127.0.0.1, ::1 or another of 127.0.0.0/8';
const loopback = v.pipe(v.string(LOOPBACK), v.regex(/^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/, LOOPBACK));
const RELAY_URL = 'must be the address of a relay: wss://HOST[:PORT]';
const relayUrl = v.pipe(v.string(RELAY_URL), v.check(isRelayUrl, RELAY_URL));
const NODE_NAME = "must be a Node's name: lower case letters, digits, '-' and '.', at most 253";

/** More relays than anybody has; each is dialled in turn. */
const MAX_RELAYS = 16;

function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return v.picklist(names, `must be one of ${names.join(', ')}`);
}

function isRelayUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol === 'wss:' && url.username === '' && url.search === '' && url.hash === '';
}

/** Says "is missing" for what has no default, and "is not a setting" for what nobody knows. */
function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? 'is not a setting of the agent'
      : issue.received === 'undefined'
        ? 'is missing'
        : 'must be a section with settings below it',
  );
}

export const SettingsSchema = section({
  dataDir: folder,
  relay: section({
    urls: v.pipe(
      v.array(relayUrl, 'must be a list of addresses of relays'),
      v.minLength(1, 'must name at least one relay'),
      v.maxLength(MAX_RELAYS, `must name at most ${MAX_RELAYS} relays`),
    ),
  }),
  tls: section({ cert: file, key: file, ca: file }),
  keyExchange: oneOf(['hybrid', 'x25519']),
  nodeName: v.optional(
    v.pipe(v.string(NODE_NAME), v.maxLength(253, NODE_NAME), v.regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, NODE_NAME)),
  ),
  api: section({ address: loopback, port }),
  workload: oneOf(['hollow', 'none']),
  ops: section({ address: loopback, port: v.optional(port) }),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  backoff: section({ baseMs: whole(10, 60_000), capMs: whole(10, 3_600_000) }),
});

export type Settings = v.InferOutput<typeof SettingsSchema>;

/** One setting as a person meets it: in the file at `path`, as a variable, as a flag. */
export interface Setting {
  /** `api.port`: where it stands in the file and in messages. */
  readonly path: string;
  /** A list is written with commas in flags and variables. */
  readonly kind: 'text' | 'number' | 'list';
  /** Undefined where there is none: it must be given, or has a meaning when absent. */
  readonly fallback: string | number | undefined;
  readonly help: string;
}

export const DEFAULT_DATA_DIR = '/var/lib/hawser';

export const SETTINGS: readonly Setting[] = [
  text('dataDir', DEFAULT_DATA_DIR, 'folder of the store, the local API token and its certificate'),
  {
    path: 'relay.urls',
    kind: 'list',
    fallback: undefined,
    help: 'relays to dial in turn, wss://HOST:PORT, with commas between (needed)',
  },
  text('tls.cert', undefined, "the device's client certificate, PEM, CN=system:node:NAME, O=system:nodes (needed)"),
  text('tls.key', undefined, 'private key of that certificate, PEM (needed)'),
  text('tls.ca', undefined, 'certificates of the authorities that relays are verified with, PEM (needed)'),
  text('keyExchange', 'hybrid', 'hybrid: post-quantum hybrid where the relay has it; x25519: 2.4 KB less per connect'),
  text('nodeName', undefined, "name of the Node; default and only possible value: the one in the certificate's CN"),
  text('api.address', '127.0.0.1', 'loopback address of the Kubernetes API on the device'),
  number('api.port', 6444, 'port of the Kubernetes API on the device; 0 takes a free one and logs it'),
  text('workload', 'hollow', 'hollow: a simulated kubelet runs the pods; none: a kubelet of yours does, by the local API'),
  text('ops.address', '127.0.0.1', 'loopback address of /metrics and /healthz (plain HTTP)'),
  number('ops.port', undefined, 'port of /metrics and /healthz; 0 takes a free one and logs it; without it there are none'),
  text('logLevel', 'info', 'trace, debug, info, warn, error or fatal'),
  number('backoff.baseMs', 500, 'bound of the first wait before dialling again, in milliseconds; it doubles with each failure'),
  number('backoff.capMs', 60_000, 'longest wait before dialling again, in milliseconds, unless the relay asks for more'),
];

/** `api.port` → `HAWSER_API_PORT`. */
export function environmentName(path: string): string {
  return `HAWSER_${words(path, '_').toUpperCase()}`;
}

/** `api.port` → `--api-port`. */
export function flagName(path: string): string {
  return `--${words(path, '-')}`;
}

function words(path: string, separator: string): string {
  return path
    .replace(/[A-Z]/g, (capital) => `${separator}${capital}`)
    .replaceAll('.', separator)
    .toLowerCase();
}

function text(path: string, fallback: string | undefined, help: string): Setting {
  return { path, kind: 'text', fallback, help };
}

function number(path: string, fallback: number | undefined, help: string): Setting {
  return { path, kind: 'number', fallback, help };
}
