/**
 * An OCI image layout (OCI Image Format Specification 1.1: "Image Layout", "Image Index", "Image Manifest", "Image Configuration"). Equal
 * contents give equal bytes.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { DebianArchitecture } from './debian.ts';
import type { Entry } from './tar.ts';

const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;
const REFERENCE = 'org.opencontainers.image.ref.name';
/** zlib's best that takes seconds and not minutes for 100 MB. */
const GZIP_LEVEL = 6;

export interface ImageConfig {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly ports: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface PlatformImage {
  readonly arch: DebianArchitecture;
  readonly config: ImageConfig;
  /** Tar files, the lowest first, each with what it is for. */
  readonly layers: readonly { readonly tar: Buffer; readonly from: string }[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: 'linux' };
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * The files of the layout: one index with all platforms under the tag, and each platform's manifest under `TAG-ARCH`, for tools that read no
 * index within an index.
 * @param created of all parts, as in RFC 3339
 */
export function ociLayout(images: readonly PlatformImage[], tag: string, created: string): Entry[] {
  const blobs = new Map<string, Buffer>();
  const put = (mediaType: string, content: Buffer): Descriptor => {
    const digest = sha256(content);
    blobs.set(digest, content);
    return { mediaType, digest: `sha256:${digest}`, size: content.length };
  };
  const putJson = (mediaType: string, value: object) => put(mediaType, json(value));
  const manifests = images.map(({ arch, config, layers }): Descriptor => {
    const packed = layers.map(({ tar }) => put(MEDIA.layer, gzipSync(tar, { level: GZIP_LEVEL })));
    const configured = putJson(MEDIA.config, configOf(arch, config, layers, created));
    const annotations = { ...config.labels, 'org.opencontainers.image.created': created };
    const manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, config: configured, layers: packed, annotations };
    return { ...putJson(MEDIA.manifest, manifest), platform: { architecture: arch, os: 'linux' } };
  });
  const all = putJson(MEDIA.index, { schemaVersion: 2, mediaType: MEDIA.index, manifests });
  const named = (descriptor: Descriptor, name: string) => ({ ...descriptor, annotations: { [REFERENCE]: name } });
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [named(all, tag), ...manifests.map((one) => named(one, `${tag}-${one.platform?.architecture}`))],
  };
  const file = (path: string, content: Buffer): Entry => ({ type: 'file', path, mode: 0o644, content });
  const folder = (path: string): Entry => ({ type: 'folder', path, mode: 0o755 });
  return [
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json(index)),
    folder('blobs'),
    folder('blobs/sha256'),
    ...[...blobs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([digest, content]) => file(`blobs/sha256/${digest}`, content)),
  ];
}

function configOf(arch: DebianArchitecture, config: ImageConfig, layers: PlatformImage['layers'], created: string): object {
  return {
    created,
    architecture: arch,
    os: 'linux',
    ...(arch === 'arm64' && { variant: 'v8' }),
    config: {
      User: config.user,
      ExposedPorts: Object.fromEntries(config.ports.map((port) => [`${port}/tcp`, {}])),
      // So that `exec` in a container finds the program by its name, whatever the runtime adds.
      Env: ['PATH=/usr/bin'],
      Entrypoint: config.entrypoint,
      Cmd: config.command,
      WorkingDir: '/',
      Labels: config.labels,
    },
    // Of what is in the layers before they are packed.
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => `sha256:${sha256(tar)}`) },
    history: layers.map(({ from }) => ({ created, created_by: from })),
  };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
