export { type Hub, type HubOptions, LINK_PATH, startHub } from './hub.ts';
