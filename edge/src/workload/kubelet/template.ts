import type { KubeletHost } from './host.ts';
import type { KubeletPaths } from './paths.ts';

/** A KubeletConfiguration, or a part of one: fields by name. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * The configuration of a kubelet beside the agent (kubelet.config.k8s.io/v1beta1). docs/kubelet.md shows it, with the reason of each
 * field; what is not here has the kubelet's own default.
 */
export function kubeletConfiguration(paths: KubeletPaths, host: KubeletHost): Fields {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    registerNode: true,
    contentType: 'application/json',
    // The local API signs nothing, and the certificate of the device is the agent's to renew.
    rotateCertificates: false,
    serverTLSBootstrap: false,
    address: '127.0.0.1',
    port: 10250,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    healthzPort: 10248,
    tlsCertFile: paths.certificate,
    tlsPrivateKeyFile: paths.key,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: host.cgroupDriver,
    ...(host.resolvConf === undefined ? {} : { resolvConf: host.resolvConf }),
    failSwapOn: false,
    staticPodPath: paths.manifests,
    nodeLeaseDurationSeconds: 40,
    nodeStatusUpdateFrequency: '10s',
    // Given with the other: the kubelet's default is 5m only where neither is set.
    nodeStatusReportFrequency: '1h',
  };
}
