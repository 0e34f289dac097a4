import type { KnownDifference } from '../../replay/known.ts';

const FEWER_RESOURCES = 'Only the kinds that this project knows are served.';
const SUBRESOURCES = 'Subresources that need a kubelet or a resize, and nodes/proxy, are not offered.';
const HASHES = 'storageVersionHash is a hint for storage migration; there is one storage version.';
const VERSION = 'The version says that this is another program.';
const SCHEMA = 'The API has no schema of every field: unknown ones are kept as they are, so fieldValidation finds none.';
const HISTORY =
  'One change log serves all kinds: a compaction is felt by all of them at once, where a real server answers some from its cache.';
const BOOKMARKS = 'The object of a bookmark has metadata only, without the empty fields that its Go type would print.';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { scenario: '01-discovery-aggregated', exchanges: [0, 2], where: /\.missing$/, reason: FEWER_RESOURCES },
  { scenario: '01-discovery-aggregated', exchanges: [0], where: /subresources/, reason: SUBRESOURCES },
  { scenario: '01-discovery-aggregated', exchanges: [5], where: /\.missing$/, reason: FEWER_RESOURCES },
  { scenario: '01-discovery-aggregated', exchanges: [5], where: /storageVersionHash$/, reason: HASHES },
  { scenario: '01-discovery-legacy', exchanges: [0, 27], where: /^body\./, reason: VERSION },
  { scenario: '01-discovery-legacy', exchanges: [4, 5], where: /^body\.text$/, reason: 'Other parts, so other checks.' },
  { scenario: '01-discovery-legacy', exchanges: [8], where: /serverAddress$/, reason: 'The address is that of this server.' },
  { scenario: '01-discovery-legacy', exchanges: [9, 10, 12, 16, 26, 35], where: /\.missing$/, reason: FEWER_RESOURCES },
  {
    scenario: '01-discovery-legacy',
    exchanges: [10, 12, 14, 15, 16, 17, 18, 19, 35],
    where: /storageVersionHash$/,
    reason: HASHES,
  },
  {
    scenario: '01-discovery-legacy',
    exchanges: [26],
    where: /\.added$/,
    reason: 'The paths of the OpenAPI documents are listed too.',
  },
  {
    scenario: '01-openapi-v3-index',
    exchanges: [0],
    reason: 'OpenAPI covers the kinds that are served, with documents and hashes of its own.',
  },
  { scenario: '02-list-continue-expired', exchanges: [5, 6], reason: HISTORY },
  {
    scenario: '03-watch-expired',
    exchanges: [1],
    where: /object\.message$/,
    reason: 'The wording of kinds that a real server does not cache; here all kinds are served alike.',
  },
  { scenario: '03-watch-list', exchanges: [5, 6], where: /^events\[0\]\.object\./, reason: BOOKMARKS },
  { scenario: '04-errors-status-objects', exchanges: [30], where: /^(header warning|body\.datta)$/, reason: SCHEMA },
  { scenario: '04-errors-status-objects', exchanges: [31, 33], reason: SCHEMA },
  { scenario: '04-errors-status-objects', exchanges: [32], where: /^body\.datta$/, reason: SCHEMA },
  {
    scenario: '05-events-and-leases',
    exchanges: [12],
    where: /message$/,
    reason: 'The message repeats the whole object as Go marshals it, managedFields among it.',
  },
  { scenario: '05-server-side-apply', reason: 'Server-side apply is not offered.' },
  {
    scenario: '05-token-request',
    exchanges: [17],
    reason: 'A token of a pod that is gone is refused at once; a real server remembers for some seconds that it was good.',
  },
  {
    scenario: '06-node-leases-and-events',
    exchanges: [17],
    where: /^body\.status\.reason$/,
    reason: 'A reason of one step of the real authorizer chain that has no counterpart.',
  },
];
