/** Names of the facts that the agent leaves in the store for `hawser-agent status`. Times are RFC 3339 with milliseconds. */
export const AGENT_FACTS = {
  version: 'agent.version',
  nodeName: 'agent.nodeName',
  startedAt: 'agent.startedAt',
  /** `https://127.0.0.1:6444` */
  localApi: 'agent.localApi',
  workload: 'agent.workload',
  /** `running`, `waiting`, `blocked`, `clearing`, `stopping`, `stopped`, `external`; empty where the workload is no kubelet. */
  kubelet: 'kubelet.state',
  kubeletSince: 'kubelet.since',
  /** `v1.36.2`; empty where it is not known. */
  kubeletVersion: 'kubelet.version',
  /** Its pid, why it does not run, or what is to be done. */
  kubeletDetail: 'kubelet.detail',
  /** The last lines that a kubelet which ends again and again has said. */
  kubeletLastLines: 'kubelet.lastLines',
  /** `true` while it renews its Lease at the local API. */
  kubeletAlive: 'kubelet.alive',
  /** `open`, `down` */
  link: 'link.state',
  linkSince: 'link.since',
  /** The relay of that state. */
  linkRelay: 'link.relay',
  /** Why it is down: the kind of failure and a line about it. */
  linkDetail: 'link.detail',
  /** When it was open last. */
  linkOpened: 'link.opened',
  /** The last failure in the words of linkDetail, also of a link that is open again; and since when it is so. */
  linkFailure: 'link.failure',
  linkFailureTime: 'link.failureTime',
} as const;
