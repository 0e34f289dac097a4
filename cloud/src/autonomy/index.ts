export { type Autonomy, type AutonomyCounts, type AutonomyResult, createAutonomy, type KnownObjects } from './autonomy.ts';
