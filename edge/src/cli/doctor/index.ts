export { type DoctorReport, type DoctorRequest, doctor } from './doctor.ts';
