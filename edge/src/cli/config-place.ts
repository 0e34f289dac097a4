import type { ConfigPlace } from '@hawser/settings';

/** The file that the Debian package brings and its unit names: the commands beside that agent go by the same one. */
export const CONFIG_PLACE: ConfigPlace = {
  variable: 'HAWSER_AGENT_CONFIG',
  standard: { path: '/etc/hawser/agent.yaml', unlessGiven: 'dataDir' },
};
