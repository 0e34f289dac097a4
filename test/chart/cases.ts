/** Values beside `EXAMPLE_VALUES` with which the chart is rendered: each Service type, each switch, each list with something in it. */
export const CASES: Readonly<Record<string, object>> = {
  defaults: {},
  'a Service of the cluster alone': { service: { type: 'ClusterIP', nodePort: 30_443 } },
  'a static port of the nodes': { service: { type: 'NodePort', nodePort: 30_443, externalTrafficPolicy: 'Cluster' } },
  'a balancer with everything': {
    service: {
      type: 'LoadBalancer',
      port: 443,
      nodePort: 30_443,
      loadBalancerClass: 'example.com/tcp',
      loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8::/32'],
      annotations: { 'example.com/kind': 'network' },
      labels: { tier: 'edge' },
    },
  },
  'certificates of an operator': {
    tls: { existingSecret: 'relay-tls' },
    settings: { link: { names: [] }, enroll: { relays: [] } },
  },
  'an issuer of an operator': { issuer: { existingSecret: 'relay-issuer' } },
  'both of them': { tls: { existingSecret: 'relay-tls' }, issuer: { existingSecret: 'relay-issuer' } },
  'nobody joins': { settings: { enroll: { enabled: false, relays: [] } } },
  'no Leases, no labels': { settings: { replica: { leases: false }, labelNodes: false } },
  'no labels but those of the settings': { settings: { labelNodes: false, nodeLabels: ['site=north'] } },
  'no administrative endpoint': { settings: { admin: { enabled: false } }, networkPolicy: { enabled: true } },
  'other ports': { settings: { link: { port: 9443 }, ops: { port: 9081 }, admin: { port: 9444 } } },
  'large numbers': { settings: { limits: { supersededBytes: 17_179_869_184, sessions: 100_000 } } },
  'the older form': { rbac: { asNode: 'older' } },
  'rights by somebody else': { rbac: { create: false, viewer: false }, serviceAccount: { create: false, name: 'their-relay' } },
  'an account with annotations': { serviceAccount: { annotations: { 'example.com/role': 'relay' } } },
  'everything optional': {
    autonomy: { enabled: true },
    protectNodes: { enabled: true },
    networkPolicy: {
      enabled: true,
      adminFrom: [{ namespaceSelector: {} }],
      apiServerPorts: [6443],
      apiServerTo: [{ ipBlock: { cidr: '198.51.100.7/32' } }],
    },
    serviceMonitor: { enabled: true, interval: '30s', labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  },
  'one replica without a budget': { replicaCount: 1, podDisruptionBudget: { enabled: false } },
  'a budget in percent': { replicaCount: 5, podDisruptionBudget: { maxUnavailable: '20%' } },
  'where pods go': {
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
      {
        maxSkew: 2,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { a: 'b' } },
      },
    ],
    affinity: { nodeAffinity: {} },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    priorityClassName: 'system-cluster-critical',
  },
  'nothing about where pods go': { topologySpreadConstraints: [] },
  'more of a pod': {
    image: { tag: 'main', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
    podAnnotations: { 'example.com/a': 'b' },
    podLabels: { team: 'edge' },
    extraEnv: [
      { name: 'HAWSER_LOG_LEVEL', value: 'debug' },
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    extraVolumes: [{ name: 'more', secret: { secretName: 'more' } }],
    extraVolumeMounts: [{ name: 'more', mountPath: '/etc/more', readOnly: true }],
    terminationGracePeriodSeconds: 90,
    resources: { limits: { memory: '1Gi' } },
  },
  'an image by its digest': { image: { tag: 'main', digest: `sha256:${'a'.repeat(64)}` } },
};

/** Values that are refused, and with which words. Both versions of Helm say them. */
export const WRONG: Readonly<Record<string, readonly [object, RegExp]>> = {
  'no image': [{ image: { repository: '' } }, /image\.repository: say where your image of the relay is/],
  'no names': [
    { settings: { link: { names: [] } } },
    /settings\.link\.names: say by which names and addresses devices reach the relay/,
  ],
  'no addresses': [
    { settings: { enroll: { relays: [] } } },
    /settings\.enroll\.relays: say what join lines tell devices to dial/,
  ],
  'a name that would be more of the file': [
    { serviceAccount: { name: 'a\n  namespace: kube-system' } },
    /serviceAccount[./]name.*pattern/s,
  ],
  'a value that is none': [
    { replicas: 3 },
    /additional properties '?replicas'? not allowed|Additional property replicas is not allowed/,
  ],
  'a setting that is none': [{ settings: { link: { prot: 1 } } }, /settings[./]link.*(prot)/s],
  'a port that is too high': [{ settings: { ops: { port: 70_000 } } }, /settings[./]ops[./]port/],
  'a word for a number': [{ replicaCount: 'two' }, /replicaCount/],
  'a Service of no type': [{ service: { type: 'Ingress' } }, /service[./]type/],
  'a digest that is none': [{ image: { digest: 'abc' } }, /image[./]digest/],
  'a range that is none': [{ service: { loadBalancerSourceRanges: ['everybody'] } }, /loadBalancerSourceRanges/],
  'a log level that is none': [{ settings: { logLevel: 'loud' } }, /settings[./]logLevel/],
  'a form that is none': [{ rbac: { asNode: 'newer' } }, /rbac[./]asNode/],
};
