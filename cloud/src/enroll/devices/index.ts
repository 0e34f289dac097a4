export { createDeviceAdministration, type DeviceAdministration, type DeviceReport } from './administration.ts';
export { createDevices, type DevicesOptions, type WatchedDevices } from './devices.ts';
export { createRecordStore } from './record-store.ts';
export { shownKey } from './replaced-event.ts';
export type { DeviceState } from './table.ts';
