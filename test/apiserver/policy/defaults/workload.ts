import { type Fields, fieldsOf } from '../fields.ts';
import { defaultPodSpec } from './pod.ts';

const ROLLING = { maxUnavailable: '25%', maxSurge: '25%' };

/** apps/v1 defaults of a Deployment's spec. */
export function defaultDeploymentSpec(spec: Fields): Fields {
  const strategy = fieldsOf(spec.strategy);
  const type = strategy.type ?? 'RollingUpdate';
  return {
    ...withTemplate(spec),
    replicas: spec.replicas ?? 1,
    strategy:
      type === 'RollingUpdate'
        ? { ...strategy, type, rollingUpdate: { ...ROLLING, ...fieldsOf(strategy.rollingUpdate) } }
        : { ...strategy, type },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
  };
}

/** apps/v1 defaults of a DaemonSet's spec. */
export function defaultDaemonSetSpec(spec: Fields): Fields {
  const strategy = fieldsOf(spec.updateStrategy);
  const type = strategy.type ?? 'RollingUpdate';
  return {
    ...withTemplate(spec),
    updateStrategy:
      type === 'RollingUpdate'
        ? {
            ...strategy,
            type,
            rollingUpdate: { maxSurge: 0, maxUnavailable: 1, ...fieldsOf(strategy.rollingUpdate) },
          }
        : { ...strategy, type },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  };
}

/** apps/v1 defaults of a ReplicaSet's spec. */
export function defaultReplicaSetSpec(spec: Fields): Fields {
  return { ...withTemplate(spec), replicas: spec.replicas ?? 1 };
}

function withTemplate(spec: Fields): Fields {
  const template = fieldsOf(spec.template);
  return {
    ...spec,
    template: { ...template, metadata: template.metadata ?? {}, spec: defaultPodSpec(fieldsOf(template.spec)) },
  };
}
