export { createDevices, type DevicesOptions, type WatchedDevices } from './devices.ts';
export type { DeviceState } from './table.ts';
