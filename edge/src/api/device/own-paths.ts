/** Where the device's API tells how the agent is, to administrator and viewer. */
export const AGENT_PATH = '/hawser/v1/agent';

/** Where it tells the level of the agent's log, to the same, and takes another from the administrator. */
export const LOG_LEVEL_PATH = '/hawser/v1/log-level';
