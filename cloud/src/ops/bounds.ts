/**
 * Everything that is bounded about who connects to the relay, by the name of its setting, or of its constant where it has none: the label `bound` of
 * `hawser_relay_bounds_reached_total`, and a row each of the table in docs/security.md.
 */
export const BOUNDS = [
  'limits.connectionsPerAddress',
  'limits.handshakesPerAddress',
  'limits.handshakes',
  'limits.handshakeSeconds',
  'limits.sessions',
  'limits.frameBytes',
  'limits.framesPerSecond',
  'limits.receivingBytes',
  'limits.bufferedBytes',
  'limits.answerSeconds',
  'limits.reportsPerSession',
  'limits.reportBytesPerSession',
  'limits.reportBytes',
  'limits.queriesPerSession',
  'limits.enrolConnections',
  'limits.enrolConnectionsPerAddress',
  'limits.enrolSeconds',
  'limits.enrolAttempts',
  'limits.enrolWrongSecrets',
  'enrolStep',
  'enrolBytes',
  'clientHello',
  'connections',
  'headerBytes',
  'fragments',
  'queryBytes',
  'renewals',
] as const;

export type Bound = (typeof BOUNDS)[number];
