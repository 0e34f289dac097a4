export { LINK_PATH } from './admission.ts';
export { type Hub, type HubOptions, startHub } from './hub.ts';
