import { isIP } from 'node:net';
import { isRelayUrl, MAX_FRAME_BYTES, MAX_OPEN_QUERIES, MAX_RELAYS } from '@hawser/protocol';
import {
  file,
  filled,
  flag,
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
  together,
  whole,
} from '@hawser/settings';
import * as v from 'valibot';
import { MAX_MARKS, parseLabel, parseTaint } from '../upstream/index.ts';

const RELAY_URL = 'must be the address of a relay: wss://HOST[:PORT]';
const SERVER_NAME = 'must be a DNS name or an IP address';
const KEY_EXCHANGES = ['hybrid', 'x25519'] as const;
/** Names of one certificate: each is some bytes in every handshake. */
const MAX_NAMES = 32;
/** RFC 1123; the first label may be a star. */
const DNS_NAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i;

/**
 * Everything that can be set about the relay: types and bounds in one schema; in `SETTINGS` how each is called as flag and
 * variable, and its default.
 */
const section = sectionsOf('the relay');
const address = filled('an address to listen on');

/** A list that is empty where nothing was given. */
function listOf(isOne: (text: string) => boolean, message: string, most: number) {
  const item = v.pipe(v.string(message), v.check(isOne, message));
  return v.optional(v.pipe(v.array(item, 'must be a list'), v.maxLength(most, `must have at most ${most} items`)), []);
}

function isServerName(text: string): boolean {
  return isIP(text) !== 0 || (text.length <= 253 && DNS_NAME.test(text));
}

/** A list of texts of which each can be read, and that is not there where nothing was given. */
function marks(read: (text: string) => object | undefined, what: string, all: string) {
  const item = v.pipe(
    v.string(`must be ${what}`),
    v.check((text) => read(text) !== undefined, `must be ${what}`),
  );
  const list = v.pipe(v.array(item, `must be a list of ${all}`), v.maxLength(MAX_MARKS, `must be at most ${MAX_MARKS} ${all}`));
  return v.optional(list, []);
}

export const SettingsSchema = section({
  kubeconfig: v.optional(file),
  link: section({ address, port, names: listOf(isServerName, SERVER_NAME, MAX_NAMES) }),
  tls: together(
    section({ cert: v.optional(file), key: v.optional(file), clientCa: v.optional(file) }),
    'cert',
    'key',
    'clientCa',
  ),
  issuer: together(section({ cert: v.optional(file), key: v.optional(file) }), 'cert', 'key'),
  enroll: section({
    relays: listOf(isRelayUrl, RELAY_URL, MAX_RELAYS),
    certificateHours: whole(1, 87_600),
    enabled: flag,
    graceDays: whole(0, 36_500),
  }),
  keyExchange: oneOf(KEY_EXCHANGES),
  ops: section({ address, port }),
  admin: section({ enabled: flag, address, port }),
  labelNodes: flag,
  nodeLabels: marks(parseLabel, 'a label, KEY=VALUE', 'labels'),
  nodeTaints: marks(parseTaint, 'a taint, KEY=VALUE:EFFECT', 'taints'),
  autonomy: flag,
  replica: section({
    leases: flag,
    name: v.optional(filled('a name')),
    namespace: v.optional(filled('the name of a namespace')),
    renewSeconds: whole(1, 60),
    callsPerSecond: whole(1, 1_000),
  }),
  nodeLeases: section({
    /** A Lease lasts for 40 s; a node's own moment in the interval may be half an interval later. */
    renewSeconds: whole(1, 20),
    callsPerSecond: whole(1, 10_000),
    linkedAfterSeconds: whole(0, 3_600),
  }),
  logLevel,
  drainSeconds: whole(0, 3_600),
  drainNoticeSeconds: whole(0, 300),
  limits: section({
    frameBytes: whole(64 * 1024, MAX_FRAME_BYTES),
    framesPerSecond: whole(10, 100_000),
    receivingBytes: whole(MAX_FRAME_BYTES, 64 * 1024 * 1024 * 1024),
    connectionsPerAddress: whole(1, 200_000),
    handshakesPerAddress: whole(1, 10_000),
    sessions: whole(1, 100_000),
    handshakes: whole(1, 10_000),
    handshakeSeconds: whole(1, 60),
    /** A dead link is noticed after two of these at most, and 20 s is what we promise. */
    pingSeconds: whole(1, 9),
    answerSeconds: whole(10, 86_400),
    bufferedBytes: whole(MAX_FRAME_BYTES, 256 * 1024 * 1024),
    apiCalls: whole(1, 1_000),
    apiCallsPerSecond: whole(1, 100_000),
    queryCalls: whole(1, 1_000),
    reportsPerSession: whole(1, 10_000),
    reportBytesPerSession: whole(64 * 1024, 256 * 1024 * 1024),
    reportBytes: whole(MAX_FRAME_BYTES, 64 * 1024 * 1024 * 1024),
    /** An agent has no more of them. */
    queriesPerSession: whole(1, MAX_OPEN_QUERIES),
    supersededBytes: whole(0, 16 * 1024 * 1024 * 1024),
    enrolConnections: whole(1, 10_000),
    enrolConnectionsPerAddress: whole(1, 10_000),
    enrolSeconds: whole(5, 600),
    enrolAttempts: whole(1, 1_000_000),
    enrolWrongSecrets: whole(1, 1_000),
  }),
});

export type Settings = v.InferOutput<typeof SettingsSchema>;

export const SETTINGS: readonly Setting[] = [
  setting.text('kubeconfig', undefined, 'kubeconfig of the API server; without it the service account of the pod is used'),
  setting.text('link.address', '0.0.0.0', 'address on which agents are awaited'),
  setting.number('link.port', 8443, 'port on which agents are awaited; 0 takes a free one and logs it'),
  setting.list(
    'link.names',
    'DNS names and addresses that agents dial, for certificates that the relay makes itself; without it that of the host, localhost, 127.0.0.1, ::1, and POD_IP',
  ),
  setting.text(
    'tls.cert',
    undefined,
    'a server certificate of your own for agents, PEM, with its chain; without it the relay makes them itself, from the Secret hawser-ca',
  ),
  setting.text('tls.key', undefined, 'private key of that certificate, PEM'),
  setting.text('tls.clientCa', undefined, "certificates of the authorities that issue agents' certificates, PEM"),
  setting.text(
    'issuer.cert',
    undefined,
    'an issuer of your own in place of the Secret hawser-ca, PEM: its certificate, and all up to its root',
  ),
  setting.text('issuer.key', undefined, 'private key of that issuer, PEM'),
  setting.list('enroll.relays', 'addresses for join lines, wss://HOST:PORT, with commas between'),
  setting.flag('enroll.enabled', true, 'let devices join with tokens, and come back whose certificate has ended'),
  setting.number(
    'enroll.graceDays',
    365,
    'how long after the end of its certificate a device may come back with it; after that it joins again',
  ),
  setting.number('enroll.certificateHours', 2_160, "lifetime of devices' certificates that the relay issues, in hours"),
  setting.oneOf(
    'keyExchange',
    KEY_EXCHANGES,
    'hybrid',
    'hybrid: post-quantum where the agent has it; x25519: some 2.4 KB less per connect when set on both sides',
  ),
  setting.text('ops.address', '0.0.0.0', 'address of /metrics, /healthz and /readyz (plain HTTP)'),
  setting.number('ops.port', 8081, 'port of /metrics, /healthz and /readyz; 0 takes a free one and logs it'),
  setting.flag('admin.enabled', true, 'answer administrators: hawser-relay nodes, node, log-level'),
  setting.text('admin.address', '0.0.0.0', 'address for administrators (HTTPS, by bearer token)'),
  setting.number('admin.port', 8444, 'port for administrators; 0 takes a free one and logs it'),
  setting.flag('labelNodes', true, 'set node-role.kubernetes.io/edge on a Node when its agent first registers it'),
  setting.list('nodeLabels', 'further labels for such a Node, KEY=VALUE; once in its life'),
  setting.list('nodeTaints', 'taints for such a Node, KEY=VALUE:EFFECT or KEY:EFFECT; once in its life'),
  setting.flag('autonomy', true, 'keep pods of Nodes with the annotation hawser.dev/autonomy from eviction for that long'),
  setting.flag(
    'replica.leases',
    true,
    'tell other replicas by Leases which sessions are here, and end those that have moved to them',
  ),
  setting.text(
    'replica.name',
    undefined,
    'own name among the replicas; without it POD_NAME, or that of the host and something random',
  ),
  setting.text(
    'replica.namespace',
    undefined,
    'where the Leases are; without it that of the pod or kubeconfig, or hawser-system',
  ),
  setting.number(
    'replica.renewSeconds',
    10,
    'between renewals of its own Lease; others take a replica for gone after three times that',
  ),
  setting.number('replica.callsPerSecond', 100, 'calls of the API server about Leases, at most; they wait, links do not'),
  setting.number('nodeLeases.renewSeconds', 10, "between two renewals of a node's Lease in kube-node-lease, which lasts for 40"),
  setting.number(
    'nodeLeases.callsPerSecond',
    500,
    'renewals of node Leases, at most; at it all intervals stretch alike, the Lease that expires first goes first',
  ),
  setting.number(
    'nodeLeases.linkedAfterSeconds',
    30,
    'how long a link has been open or lost before its Node says so in the condition hawser.dev/Linked',
  ),
  setting.oneOf(
    'logLevel',
    LOG_LEVELS,
    'info',
    'how much is said in the log; "hawser-relay log-level" changes it while the relays run',
  ),
  setting.number(
    'drainSeconds',
    5,
    'at a stop, how long sessions may take to move to other replicas, each when what it has under way is answered; then they are closed',
  ),
  setting.number(
    'drainNoticeSeconds',
    0,
    'before that, how long links are still taken while /readyz says that the relay is draining: as long as a Service takes to notice',
  ),
  setting.number(
    'limits.frameBytes',
    MAX_FRAME_BYTES,
    'largest message taken from an agent, in bytes; a larger one ends the link',
  ),
  setting.number(
    'limits.framesPerSecond',
    500,
    'messages, pings and pongs of one node, over time; 20 times as many at once; above it the link is closed',
  ),
  setting.number(
    'limits.receivingBytes',
    256 * 1024 * 1024,
    'what has come of messages whose end has not, over all links, in bytes; above it the link with the most is closed',
  ),
  setting.number(
    'limits.connectionsPerAddress',
    10_000,
    'connections of one address (IPv6: /64), links among them; one more is closed. Behind a load balancer that hides addresses: as limits.sessions',
  ),
  setting.number(
    'limits.handshakesPerAddress',
    128,
    'connections of one address that have not said hello; one more is closed, so that no address takes all of limits.handshakes',
  ),
  setting.number('limits.sessions', 20_000, 'links at a time; one more is answered 503'),
  setting.number(
    'limits.handshakes',
    256,
    'connections at a time that have not said hello; over it the oldest of the address that has the most is closed, or the new one',
  ),
  setting.number('limits.handshakeSeconds', 20, 'from connection to hello, then the connection is closed'),
  setting.number('limits.pingSeconds', 8, 'between two pings; a link silent for two of them is cut'),
  setting.number(
    'limits.bufferedBytes',
    8 * 1024 * 1024,
    'written to one link and not yet taken, in bytes; above it the link is cut',
  ),
  setting.number(
    'limits.answerSeconds',
    300,
    'without an ack or inventory that is due, beside the time its bytes take at 256 bytes a second; then the link is closed',
  ),
  setting.number('limits.apiCalls', 32, 'writes to the API server at a time'),
  setting.number(
    'limits.apiCallsPerSecond',
    1_000,
    'calls of the API server for reports, over time; as many at once after a quiet second, then reports wait',
  ),
  setting.number('limits.queryCalls', 32, 'questions of agents at the API server at a time; sessions take turns'),
  setting.number('limits.reportsPerSession', 64, 'reports of one agent waiting for an answer; at it the link is read no further'),
  setting.number('limits.reportBytesPerSession', 1024 * 1024, 'the same in bytes of their bodies; a single report may be larger'),
  setting.number(
    'limits.reportBytes',
    256 * 1024 * 1024,
    'the same over all agents; at it links that have a report waiting are read no further',
  ),
  setting.number(
    'limits.queriesPerSession',
    MAX_OPEN_QUERIES,
    'questions of one agent without an answer; one more is answered that it cannot be answered now',
  ),
  setting.number(
    'limits.supersededBytes',
    64 * 1024 * 1024,
    'older bodies kept as bases of differences, in bytes; at it the oldest go, and objects are sent whole',
  ),
  setting.number(
    'limits.enrolConnections',
    64,
    'connections of devices that join at a time, which are strangers still; one more is closed',
  ),
  setting.number(
    'limits.enrolConnectionsPerAddress',
    16,
    'those of one address, so that nobody takes all; one more is closed. Raise it where all devices come from one address',
  ),
  setting.number(
    'limits.enrolSeconds',
    60,
    'from such a connection to its end, then it is closed: 6 KB of TLS on a poor link, and the API server',
  ),
  setting.number(
    'limits.enrolAttempts',
    60,
    'joins and late renewals of one address in a minute; one more is told to wait. Raise it where all devices come from one address',
  ),
  setting.number(
    'limits.enrolWrongSecrets',
    10,
    'wrong secrets for the id of one token in ten minutes; then that token is refused for a while, also to who has it',
  ),
];

export type Config = Resolved<Settings>;

/** @throws HawserError `bad_config`, as `resolveSettings` does */
export function resolveConfig(sources: Sources): Config {
  return resolveSettings(SettingsSchema, SETTINGS, sources);
}
