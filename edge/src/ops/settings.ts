import { HawserError, isRelayUrl, MAX_RELAYS } from '@hawser/protocol';
import {
  environmentName,
  file,
  filled,
  flag,
  flagName,
  LOG_LEVELS,
  logLevel,
  oneOf,
  port,
  type Resolved,
  resolveSettings,
  type Setting,
  type Sources,
  sectionsOf,
  setting,
  whole,
} from '@hawser/settings';
import * as v from 'valibot';
import { DEFAULT_CACHE_DIR } from '../native/index.ts';

/**
 * Everything that can be set about the agent: types and bounds in one schema; in `SETTINGS` how each is called as flag and
 * variable, and its default.
 */
const section = sectionsOf('the agent');
const LOOPBACK = 'must be a loopback address: 127.0.0.1, ::1 or another of 127.0.0.0/8';
const loopback = v.pipe(v.string(LOOPBACK), v.regex(/^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/, LOOPBACK));
const RELAY_URL = 'must be the address of a relay: wss://HOST[:PORT]';
const relayUrl = v.pipe(v.string(RELAY_URL), v.check(isRelayUrl, RELAY_URL));
/** A kubelet knows some 150 flags. */
const MAX_KUBELET_ARGS = 256;
const NODE_NAME = "must be a Node's name: lower case letters, digits, '-' and '.', at most 253";
const KEY_EXCHANGES = ['hybrid', 'x25519'] as const;
const WORKLOADS = ['hollow', 'kubelet', 'none'] as const;

export const SettingsSchema = section({
  dataDir: filled('the path of a folder'),
  cacheDir: v.optional(filled('the path of a folder')),
  relay: section({
    urls: v.optional(
      v.pipe(
        v.array(relayUrl, 'must be a list of addresses of relays'),
        v.minLength(1, 'must name at least one relay'),
        v.maxLength(MAX_RELAYS, `must name at most ${MAX_RELAYS} relays`),
      ),
    ),
  }),
  /** All of them, and `relay.urls` then, or none. */
  tls: section({ cert: v.optional(file), key: v.optional(file), ca: v.optional(file) }),
  store: section({ key: v.optional(filled('none, credential:NAME or the path of a file')) }),
  keyExchange: oneOf(KEY_EXCHANGES),
  nodeName: v.optional(
    v.pipe(v.string(NODE_NAME), v.maxLength(253, NODE_NAME), v.regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, NODE_NAME)),
  ),
  api: section({ address: loopback, port, pods: flag }),
  limits: section({
    apiConnections: whole(16, 20_000),
    apiStrangers: whole(4, 20_000),
    apiRequests: whole(4, 4_096),
    apiWatches: whole(4, 20_000),
  }),
  workload: oneOf(WORKLOADS),
  hollow: section({ tokens: flag }),
  /** Only for the workload kubelet. */
  kubelet: section({
    path: v.optional(filled('the path of a kubelet, or external')),
    config: v.optional(file),
    args: v.optional(
      v.pipe(
        v.array(filled('a flag'), 'must be a list of flags'),
        v.maxLength(MAX_KUBELET_ARGS, `must have at most ${MAX_KUBELET_ARGS} flags`),
      ),
    ),
  }),
  ops: section({ address: loopback, port: v.optional(port) }),
  logLevel,
  /** A minute is what we promise for noticing; what is beyond an hour would not find damage before it matters. */
  recheckSeconds: whole(1, 3_600),
  backoff: section({ baseMs: whole(10, 60_000), capMs: whole(10, 3_600_000) }),
});

/** In place of `kubelet.path`: systemd starts it. */
export const EXTERNAL_KUBELET = 'external';

export type Settings = v.InferOutput<typeof SettingsSchema>;

const DEFAULT_DATA_DIR = '/var/lib/hawser';

export const SETTINGS: readonly Setting[] = [
  setting.text('dataDir', DEFAULT_DATA_DIR, 'folder of the identity, the store, the local API token and its certificate'),
  setting.text(
    'cacheDir',
    undefined,
    `folder that the single executable writes SQLite to and loads it from; default: ${DEFAULT_CACHE_DIR}`,
  ),
  setting.list(
    'relay.urls',
    'relays to dial in turn, wss://HOST:PORT, with commas between; default: those that the device has joined',
  ),
  setting.text(
    'tls.cert',
    undefined,
    'client certificate of your own for the device, PEM, CN=system:node:NAME, O=system:nodes; default: what "hawser-agent join" has brought',
  ),
  setting.text('tls.key', undefined, 'private key of that certificate, PEM'),
  setting.text('tls.ca', undefined, 'certificates of the authorities that relays are verified with, PEM'),
  setting.text(
    'store.key',
    undefined,
    'key that Secrets and tokens are sealed with: a file, credential:NAME of systemd, or none; without it DATA_DIR/store.key is made',
  ),
  setting.oneOf(
    'keyExchange',
    KEY_EXCHANGES,
    'hybrid',
    'hybrid: post-quantum hybrid where the relay has it; x25519: 2.4 KB less per connect',
  ),
  setting.text('nodeName', undefined, "name of the Node; default and only possible value: the one in the certificate's CN"),
  setting.text('api.address', '127.0.0.1', 'loopback address of the Kubernetes API on the device'),
  setting.number('api.port', 6444, 'port of the Kubernetes API on the device; 0 takes a free one and logs it'),
  setting.flag(
    'api.pods',
    false,
    'true: pods may read Services and the like there by their ServiceAccount tokens, verified on the device; the relay tells the keys',
  ),
  setting.number(
    'limits.apiConnections',
    4_096,
    'connections to that API at a time; one more is closed. Each watch holds one, and a kubelet watches each ConfigMap and Secret of its pods',
  ),
  setting.number(
    'limits.apiStrangers',
    256,
    'of them those on which no token was shown yet, 60 KB each; with one more the one that has waited for longest is closed',
  ),
  setting.number('limits.apiRequests', 256, 'requests that it answers at a time; one more is answered 429'),
  setting.number('limits.apiWatches', 3_072, 'watches that are open at a time; one more is answered 429'),
  setting.oneOf(
    'workload',
    WORKLOADS,
    'hollow',
    'hollow: a simulated kubelet, for demonstrations: nothing really runs; kubelet: a stock kubelet (docs/kubelet.md); none: a client of yours, by the local API',
  ),
  setting.flag(
    'hollow.tokens',
    true,
    'true: simulated pods ask the cloud for the tokens of their volumes, as real ones do; false: they start without',
  ),
  setting.text(
    'kubelet.path',
    undefined,
    'program of the kubelet that the agent starts; external: systemd starts it; default: looked for in PATH, /usr/bin, /usr/local/bin, /opt/bin, …',
  ),
  setting.text(
    'kubelet.config',
    undefined,
    "YAML file with fields of a KubeletConfiguration that are to be other than the agent's: maxPods, clusterDNS, …",
  ),
  setting.list('kubelet.args', 'more flags of the kubelet, each as --flag=value'),
  setting.text('ops.address', '127.0.0.1', 'loopback address of /metrics and /healthz (plain HTTP)'),
  setting.number(
    'ops.port',
    undefined,
    'port of /metrics and /healthz; 0 takes a free one and logs it; without it there are none',
  ),
  setting.oneOf(
    'logLevel',
    LOG_LEVELS,
    'info',
    'how much is said in the log; "hawser-agent log-level" changes it while the agent runs',
  ),
  setting.number(
    'recheckSeconds',
    50,
    'in which all rows of the store are read again and compared, up to 500 objects; more take in proportion longer',
  ),
  setting.number(
    'backoff.baseMs',
    500,
    'bound of the first wait before dialling again, in milliseconds; it doubles with each failure',
  ),
  setting.number('backoff.capMs', 60_000, 'longest wait before dialling again, in milliseconds, unless the relay asks for more'),
];

export type Config = Resolved<Settings>;

/** @throws HawserError `bad_config`, as `resolveSettings` does */
export function resolveConfig(sources: Sources): Config {
  const config = resolveSettings(SettingsSchema, SETTINGS, sources);
  const { baseMs, capMs } = config.settings.backoff;
  if (capMs < baseMs) throw new HawserError('bad_config', `backoff.capMs: ${capMs} is less than backoff.baseMs, ${baseMs}`);
  requireWholeTls(config.settings);
  requireKubeletWorkload(config.settings);
  return config;
}

function requireWholeTls({ tls, relay }: Settings): void {
  const values = { 'tls.cert': tls.cert, 'tls.key': tls.key, 'tls.ca': tls.ca, 'relay.urls': relay.urls };
  const names = Object.entries(values);
  const given = names.filter(([name, value]) => name !== 'relay.urls' && value !== undefined).map(([name]) => name);
  if (given.length === 0) return;
  const lines = names
    .filter(([, value]) => value === undefined)
    .map(
      ([name]) =>
        `${name}: is missing; with ${given.join(' and ')} it is needed: set it in the file, as ${environmentName(name)} or with ${flagName(name)}`,
    );
  if (lines.length > 0) throw new HawserError('bad_config', lines.join('\n'));
}

function requireKubeletWorkload({ workload, kubelet, api }: Settings): void {
  const lines =
    workload === 'kubelet'
      ? []
      : Object.entries(kubelet)
          .filter(([, value]) => value !== undefined)
          .map(
            ([name]) =>
              `kubelet.${name}: is for workload kubelet, and the workload is ${workload}: add --kubelet, or take it out`,
          );
  if (workload === 'kubelet' && kubelet.path === EXTERNAL_KUBELET && api.port === 0) {
    lines.push('api.port: must be a fixed one: a kubelet that systemd starts does not hear of another');
  }
  if (lines.length > 0) throw new HawserError('bad_config', lines.join('\n'));
}
