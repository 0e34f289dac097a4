export { type Clock, systemClock } from './clock.ts';
export { LINK_PATH } from './hub/index.ts';
export { type Config, resolveConfig, type Settings } from './ops/settings.ts';
export { type Relay, type RelayOptions, startRelay } from './relay.ts';
export { EDGE_LABEL } from './upstream/index.ts';
