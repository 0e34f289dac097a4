/** What one input may take, for all targets; what differs stands there with its reason. */
export const MS = 100;
export const MB = 1024 * 1024;
