export type { AutonomousStop, AutonomousStopStats } from './autonomous-stop.ts';
export type { Reading } from './away.ts';
export { startAutonomy } from './start.ts';
export { systemUptime, type Uptime } from './uptime.ts';
