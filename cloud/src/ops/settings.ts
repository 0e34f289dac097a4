import { MAX_FRAME_BYTES } from '@hawser/protocol';
import * as v from 'valibot';

/**
 * Everything that can be set about the relay, in one schema: types, bounds and defaults. Where the values come from is
 * `config.ts`; how each is called as flag and variable is in `SETTINGS` below.
 */
const flag = v.boolean('must be true or false');
const file = v.pipe(v.string('must be the path of a file'), v.nonEmpty('must be the path of a file, and is empty'));
const address = v.pipe(v.string('must be an address to listen on'), v.nonEmpty('must be an address to listen on, and is empty'));
const port = whole(0, 65_535);

function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return v.picklist(names, `must be one of ${names.join(', ')}`);
}

/** Says "is missing" for what has no default, and "is not a setting" for what nobody knows. */
function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? 'is not a setting of the relay'
      : issue.received === 'undefined'
        ? 'is missing'
        : 'must be a section with settings below it',
  );
}

export const SettingsSchema = section({
  kubeconfig: v.optional(file),
  link: section({ address, port }),
  tls: section({ cert: file, key: file, clientCa: file }),
  keyExchange: oneOf(['hybrid', 'x25519']),
  ops: section({ address, port }),
  labelNodes: flag,
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  drainSeconds: whole(0, 300),
  limits: section({
    frameBytes: whole(64 * 1024, MAX_FRAME_BYTES),
    sessions: whole(1, 100_000),
    handshakes: whole(1, 10_000),
    handshakeSeconds: whole(1, 60),
    /** A dead link is noticed after two of these at most, and 20 s is what we promise. */
    pingSeconds: whole(1, 9),
    bufferedBytes: whole(MAX_FRAME_BYTES, 256 * 1024 * 1024),
    apiCalls: whole(1, 1_000),
    reportsPerSession: whole(1, 10_000),
  }),
});

export type Settings = v.InferOutput<typeof SettingsSchema>;

/** One setting as a person meets it: in the file at `path`, as a variable, as a flag. */
export interface Setting {
  /** `limits.pingSeconds`: where it stands in the file and in messages. */
  readonly path: string;
  readonly kind: 'text' | 'number' | 'boolean';
  /** Undefined where there is none: it must be given, or has a meaning when absent. */
  readonly fallback: string | number | boolean | undefined;
  readonly help: string;
}

export const SETTINGS: readonly Setting[] = [
  text('kubeconfig', undefined, 'kubeconfig of the API server; without it the service account of the pod is used'),
  text('link.address', '0.0.0.0', 'address on which agents are awaited'),
  number('link.port', 8443, 'port on which agents are awaited; 0 takes a free one and logs it'),
  text('tls.cert', undefined, 'server certificate for agents, PEM, with its chain (needed)'),
  text('tls.key', undefined, 'private key of that certificate, PEM (needed)'),
  text('tls.clientCa', undefined, "certificates of the authorities that issue agents' certificates, PEM (needed)"),
  text(
    'keyExchange',
    'hybrid',
    'hybrid: post-quantum where the agent has it; x25519: some 2.4 KB less per connect when set on both sides',
  ),
  text('ops.address', '0.0.0.0', 'address of /metrics, /healthz and /readyz (plain HTTP)'),
  number('ops.port', 8081, 'port of /metrics, /healthz and /readyz; 0 takes a free one and logs it'),
  flagged('labelNodes', true, 'set node-role.kubernetes.io/edge on a Node when its agent first registers it'),
  text('logLevel', 'info', 'trace, debug, info, warn, error or fatal'),
  number('drainSeconds', 5, 'at a stop, how long reports under way and closing links are waited for'),
  number('limits.frameBytes', MAX_FRAME_BYTES, 'largest message taken from an agent, in bytes; a larger one ends the link'),
  number('limits.sessions', 20_000, 'links at a time; one more is answered 503'),
  number('limits.handshakes', 256, 'connections at a time that have not said hello; one more is closed'),
  number('limits.handshakeSeconds', 10, 'from connection to hello, then the connection is closed'),
  number('limits.pingSeconds', 8, 'between two pings; a link silent for two of them is cut'),
  number('limits.bufferedBytes', 8 * 1024 * 1024, 'written to one link and not yet taken, in bytes; above it the link is cut'),
  number('limits.apiCalls', 32, 'writes to the API server at a time'),
  number('limits.reportsPerSession', 64, 'reports of one agent waiting for an answer; at it the link is read no further'),
];

/** `limits.pingSeconds` → `HAWSER_LIMITS_PING_SECONDS`. */
export function environmentName(path: string): string {
  return `HAWSER_${path
    .replace(/[A-Z]/g, (capital) => `_${capital}`)
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** `limits.pingSeconds` → `--limits-ping-seconds`. */
export function flagName(path: string): string {
  return `--${path
    .replace(/[A-Z]/g, (capital) => `-${capital}`)
    .replaceAll('.', '-')
    .toLowerCase()}`;
}

function text(path: string, fallback: string | undefined, help: string): Setting {
  return { path, kind: 'text', fallback, help };
}

function number(path: string, fallback: number, help: string): Setting {
  return { path, kind: 'number', fallback, help };
}

function flagged(path: string, fallback: boolean, help: string): Setting {
  return { path, kind: 'boolean', fallback, help };
}
