/** Names of the facts that the agent leaves in the store for `hawser-agent status`. Times are RFC 3339 with milliseconds. */
export const AGENT_FACTS = {
  version: 'agent.version',
  nodeName: 'agent.nodeName',
  startedAt: 'agent.startedAt',
  /** `https://127.0.0.1:6444` */
  localApi: 'agent.localApi',
  workload: 'agent.workload',
  /** `open`, `down` */
  link: 'link.state',
  linkSince: 'link.since',
  /** The relay of that state. */
  linkRelay: 'link.relay',
  /** Why it is down: the kind of failure and a line about it. */
  linkDetail: 'link.detail',
} as const;
