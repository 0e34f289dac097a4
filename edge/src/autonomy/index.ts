export type { AutonomousStop, AutonomousStopStats } from './autonomous-stop.ts';
export { startAutonomy } from './start.ts';
export { systemUptime } from './uptime.ts';
