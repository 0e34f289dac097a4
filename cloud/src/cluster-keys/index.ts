export { type AnnouncedKeys, createClusterKeys, type KeysSource } from './cluster-keys.ts';
