import type { ConfigPlace } from '@hawser/settings';

/** No standard file: the relay's is where the chart mounts it, and a command at a desk has none. */
export const CONFIG_PLACE: ConfigPlace = { variable: 'HAWSER_RELAY_CONFIG' };
