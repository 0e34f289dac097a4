export { MACHINES, machineOf } from './elf.ts';
export { type Executable, ensureExecutables } from './ensure.ts';
export { type BillOfMaterials, billOfMaterials } from './sbom.ts';
export { ARCHITECTURES, type Architecture, fileNameOf, type Target, type TargetChoice, targetsOf } from './targets.ts';
