// Made by scripts/generate/protobuf.ts. Do not edit.

/**
 * One message in a line: its name, then its fields in the order of their numbers, as `NAME=NUMBER MARKS TYPE` without the blanks. Marks: `*` Go keeps
 * it as a pointer, `[` list, `{` map from strings, `^` its fields stand in this message in JSON, `!` JSON shows it when it is empty. Types: string,
 * int32, int64, bool and bytes as s, i, l, b and y; messages by name, those of the same package without it.
 */
export const FIELD_TABLE = `
apps.v1.DaemonSet metadata=1meta.v1.ObjectMeta spec=2DaemonSetSpec status=3DaemonSetStatus
apps.v1.DaemonSetCondition type=1!s status=2!s lastTransitionTime=3!meta.v1.Time reason=4s message=5s
apps.v1.DaemonSetList metadata=1meta.v1.ListMeta items=2[!DaemonSet
apps.v1.DaemonSetSpec selector=1*!meta.v1.LabelSelector template=2core.v1.PodTemplateSpec updateStrategy=3DaemonSetUpdateStrategy minReadySeconds=4i revisionHistoryLimit=6*i
apps.v1.DaemonSetStatus currentNumberScheduled=1!i numberMisscheduled=2!i desiredNumberScheduled=3!i numberReady=4!i observedGeneration=5l updatedNumberScheduled=6i numberAvailable=7i numberUnavailable=8i collisionCount=9*i conditions=10[DaemonSetCondition
apps.v1.DaemonSetUpdateStrategy type=1s rollingUpdate=2*RollingUpdateDaemonSet
apps.v1.Deployment metadata=1meta.v1.ObjectMeta spec=2DeploymentSpec status=3DeploymentStatus
apps.v1.DeploymentCondition type=1!s status=2!s reason=4s message=5s lastUpdateTime=6!meta.v1.Time lastTransitionTime=7!meta.v1.Time
apps.v1.DeploymentList metadata=1meta.v1.ListMeta items=2[!Deployment
apps.v1.DeploymentSpec replicas=1*i selector=2*!meta.v1.LabelSelector template=3core.v1.PodTemplateSpec strategy=4DeploymentStrategy minReadySeconds=5i revisionHistoryLimit=6*i paused=7b progressDeadlineSeconds=9*i
apps.v1.DeploymentStatus observedGeneration=1l replicas=2i updatedReplicas=3i availableReplicas=4i unavailableReplicas=5i conditions=6[DeploymentCondition readyReplicas=7i collisionCount=8*i terminatingReplicas=9*i
apps.v1.DeploymentStrategy type=1s rollingUpdate=2*RollingUpdateDeployment
apps.v1.ReplicaSet metadata=1meta.v1.ObjectMeta spec=2ReplicaSetSpec status=3ReplicaSetStatus
apps.v1.ReplicaSetCondition type=1!s status=2!s lastTransitionTime=3!meta.v1.Time reason=4s message=5s
apps.v1.ReplicaSetList metadata=1meta.v1.ListMeta items=2[!ReplicaSet
apps.v1.ReplicaSetSpec replicas=1*i selector=2*!meta.v1.LabelSelector template=3core.v1.PodTemplateSpec minReadySeconds=4i
apps.v1.ReplicaSetStatus replicas=1!i fullyLabeledReplicas=2i observedGeneration=3l readyReplicas=4i availableReplicas=5i conditions=6[ReplicaSetCondition terminatingReplicas=7*i
apps.v1.RollingUpdateDaemonSet maxUnavailable=1*intstr.IntOrString maxSurge=2*intstr.IntOrString
apps.v1.RollingUpdateDeployment maxUnavailable=1*intstr.IntOrString maxSurge=2*intstr.IntOrString
authentication.v1.BoundObjectReference kind=1s apiVersion=2s name=3s uid=4s
authentication.v1.ExtraValue items=1[s
authentication.v1.SelfSubjectReview metadata=1meta.v1.ObjectMeta status=2SelfSubjectReviewStatus
authentication.v1.SelfSubjectReviewStatus userInfo=1UserInfo
authentication.v1.TokenRequest metadata=1meta.v1.ObjectMeta spec=2TokenRequestSpec status=3TokenRequestStatus
authentication.v1.TokenRequestSpec audiences=1[!s boundObjectRef=3*!BoundObjectReference expirationSeconds=4*!l
authentication.v1.TokenRequestStatus token=1!s expirationTimestamp=2!meta.v1.Time
authentication.v1.TokenReview metadata=1meta.v1.ObjectMeta spec=2TokenReviewSpec status=3TokenReviewStatus
authentication.v1.TokenReviewSpec token=1!s audiences=2[s
authentication.v1.TokenReviewStatus authenticated=1b user=2UserInfo error=3s audiences=4[s
authentication.v1.UserInfo username=1s uid=2s groups=3[s extra=4{ExtraValue
authorization.v1.ExtraValue items=1[s
authorization.v1.FieldSelectorAttributes rawSelector=1s requirements=2[meta.v1.FieldSelectorRequirement
authorization.v1.LabelSelectorAttributes rawSelector=1s requirements=2[meta.v1.LabelSelectorRequirement
authorization.v1.LocalSubjectAccessReview metadata=1meta.v1.ObjectMeta spec=2SubjectAccessReviewSpec status=3SubjectAccessReviewStatus
authorization.v1.NonResourceAttributes path=1s verb=2s
authorization.v1.NonResourceRule verbs=1[!s nonResourceURLs=2[s
authorization.v1.ResourceAttributes namespace=1s verb=2s group=3s version=4s resource=5s subresource=6s name=7s fieldSelector=8*FieldSelectorAttributes labelSelector=9*LabelSelectorAttributes
authorization.v1.ResourceRule verbs=1[!s apiGroups=2[s resources=3[s resourceNames=4[s
authorization.v1.SelfSubjectAccessReview metadata=1meta.v1.ObjectMeta spec=2SelfSubjectAccessReviewSpec status=3SubjectAccessReviewStatus
authorization.v1.SelfSubjectAccessReviewSpec resourceAttributes=1*ResourceAttributes nonResourceAttributes=2*NonResourceAttributes
authorization.v1.SelfSubjectRulesReview metadata=1meta.v1.ObjectMeta spec=2SelfSubjectRulesReviewSpec status=3SubjectRulesReviewStatus
authorization.v1.SelfSubjectRulesReviewSpec namespace=1s
authorization.v1.SubjectAccessReview metadata=1meta.v1.ObjectMeta spec=2SubjectAccessReviewSpec status=3SubjectAccessReviewStatus
authorization.v1.SubjectAccessReviewSpec resourceAttributes=1*ResourceAttributes nonResourceAttributes=2*NonResourceAttributes user=3s groups=4[s extra=5{ExtraValue uid=6s
authorization.v1.SubjectAccessReviewStatus allowed=1!b reason=2s evaluationError=3s denied=4b
authorization.v1.SubjectRulesReviewStatus resourceRules=1[!ResourceRule nonResourceRules=2[!NonResourceRule incomplete=3!b evaluationError=4s
certificates.v1.CertificateSigningRequest metadata=1meta.v1.ObjectMeta spec=2CertificateSigningRequestSpec status=3CertificateSigningRequestStatus
certificates.v1.CertificateSigningRequestCondition type=1!s reason=2s message=3s lastUpdateTime=4!meta.v1.Time lastTransitionTime=5!meta.v1.Time status=6!s
certificates.v1.CertificateSigningRequestList metadata=1meta.v1.ListMeta items=2[!CertificateSigningRequest
certificates.v1.CertificateSigningRequestSpec request=1!y username=2s uid=3s groups=4[s usages=5[s extra=6{ExtraValue signerName=7!s expirationSeconds=8*i
certificates.v1.CertificateSigningRequestStatus conditions=1[CertificateSigningRequestCondition certificate=2y
certificates.v1.ExtraValue items=1[s
coordination.v1.Lease metadata=1meta.v1.ObjectMeta spec=2LeaseSpec
coordination.v1.LeaseList metadata=1meta.v1.ListMeta items=2[!Lease
coordination.v1.LeaseSpec holderIdentity=1*s leaseDurationSeconds=2*i acquireTime=3*meta.v1.MicroTime renewTime=4*meta.v1.MicroTime leaseTransitions=5*i strategy=6*s preferredHolder=7*s
core.v1.AWSElasticBlockStoreVolumeSource volumeID=1!s fsType=2s partition=3i readOnly=4b
core.v1.Affinity nodeAffinity=1*NodeAffinity podAffinity=2*PodAffinity podAntiAffinity=3*PodAntiAffinity
core.v1.AppArmorProfile type=1!s localhostProfile=2*s
core.v1.AttachedVolume name=1!s devicePath=2!s
core.v1.AzureDiskVolumeSource diskName=1!s diskURI=2!s cachingMode=3*s fsType=4*s readOnly=5*b kind=6*s
core.v1.AzureFilePersistentVolumeSource secretName=1!s shareName=2!s readOnly=3b secretNamespace=4*s
core.v1.AzureFileVolumeSource secretName=1!s shareName=2!s readOnly=3b
core.v1.Binding metadata=1meta.v1.ObjectMeta target=2ObjectReference
core.v1.CSIPersistentVolumeSource driver=1!s volumeHandle=2!s readOnly=3b fsType=4s volumeAttributes=5{s controllerPublishSecretRef=6*SecretReference nodeStageSecretRef=7*SecretReference nodePublishSecretRef=8*SecretReference controllerExpandSecretRef=9*SecretReference nodeExpandSecretRef=10*SecretReference
core.v1.CSIVolumeSource driver=1!s readOnly=2*b fsType=3*s volumeAttributes=4{s nodePublishSecretRef=5*LocalObjectReference
core.v1.Capabilities add=1[s drop=2[s
core.v1.CephFSPersistentVolumeSource monitors=1[!s path=2s user=3s secretFile=4s secretRef=5*SecretReference readOnly=6b
core.v1.CephFSVolumeSource monitors=1[!s path=2s user=3s secretFile=4s secretRef=5*LocalObjectReference readOnly=6b
core.v1.CinderPersistentVolumeSource volumeID=1!s fsType=2s readOnly=3b secretRef=4*SecretReference
core.v1.CinderVolumeSource volumeID=1!s fsType=2s readOnly=3b secretRef=4*LocalObjectReference
core.v1.ClientIPConfig timeoutSeconds=1*i
core.v1.ClusterTrustBundleProjection name=1*s signerName=2*s labelSelector=3*meta.v1.LabelSelector path=4!s optional=5*b
core.v1.ConfigMap metadata=1meta.v1.ObjectMeta data=2{s binaryData=3{y immutable=4*b
core.v1.ConfigMapEnvSource localObjectReference=1^LocalObjectReference optional=2*b
core.v1.ConfigMapKeySelector localObjectReference=1^LocalObjectReference key=2!s optional=3*b
core.v1.ConfigMapList metadata=1meta.v1.ListMeta items=2[!ConfigMap
core.v1.ConfigMapNodeConfigSource namespace=1!s name=2!s uid=3s resourceVersion=4s kubeletConfigKey=5!s
core.v1.ConfigMapProjection localObjectReference=1^LocalObjectReference items=2[KeyToPath optional=4*b
core.v1.ConfigMapVolumeSource localObjectReference=1^LocalObjectReference items=2[KeyToPath defaultMode=3*i optional=4*b
core.v1.Container name=1!s image=2s command=3[s args=4[s workingDir=5s ports=6[ContainerPort env=7[EnvVar resources=8ResourceRequirements volumeMounts=9[VolumeMount livenessProbe=10*Probe readinessProbe=11*Probe lifecycle=12*Lifecycle terminationMessagePath=13s imagePullPolicy=14s securityContext=15*SecurityContext stdin=16b stdinOnce=17b tty=18b envFrom=19[EnvFromSource terminationMessagePolicy=20s volumeDevices=21[VolumeDevice startupProbe=22*Probe resizePolicy=23[ContainerResizePolicy restartPolicy=24*s restartPolicyRules=25[ContainerRestartRule
core.v1.ContainerExtendedResourceRequest containerName=1!s resourceName=2!s requestName=3!s
core.v1.ContainerImage names=1[!s sizeBytes=2l
core.v1.ContainerPort name=1s hostPort=2i containerPort=3!i protocol=4s hostIP=5s
core.v1.ContainerResizePolicy resourceName=1!s restartPolicy=2!s
core.v1.ContainerRestartRule action=1!s exitCodes=2*ContainerRestartRuleOnExitCodes
core.v1.ContainerRestartRuleOnExitCodes operator=1!s values=2[i
core.v1.ContainerState waiting=1*ContainerStateWaiting running=2*ContainerStateRunning terminated=3*ContainerStateTerminated
core.v1.ContainerStateRunning startedAt=1!meta.v1.Time
core.v1.ContainerStateTerminated exitCode=1!i signal=2i reason=3s message=4s startedAt=5!meta.v1.Time finishedAt=6!meta.v1.Time containerID=7s
core.v1.ContainerStateWaiting reason=1s message=2s
core.v1.ContainerStatus name=1!s state=2ContainerState lastState=3ContainerState ready=4!b restartCount=5!i image=6!s imageID=7!s containerID=8s started=9*b allocatedResources=10{resource.Quantity resources=11*ResourceRequirements volumeMounts=12[VolumeMountStatus user=13*ContainerUser allocatedResourcesStatus=14[ResourceStatus stopSignal=15*s
core.v1.ContainerUser linux=1*LinuxContainerUser
core.v1.DaemonEndpoint Port=1!i
core.v1.DownwardAPIProjection items=1[DownwardAPIVolumeFile
core.v1.DownwardAPIVolumeFile path=1!s fieldRef=2*ObjectFieldSelector resourceFieldRef=3*ResourceFieldSelector mode=4*i
core.v1.DownwardAPIVolumeSource items=1[DownwardAPIVolumeFile defaultMode=2*i
core.v1.EmptyDirVolumeSource medium=1s sizeLimit=2*resource.Quantity
core.v1.EndpointAddress ip=1!s targetRef=2*ObjectReference hostname=3s nodeName=4*s
core.v1.EndpointPort name=1s port=2!i protocol=3s appProtocol=4*s
core.v1.EndpointSubset addresses=1[EndpointAddress notReadyAddresses=2[EndpointAddress ports=3[EndpointPort
core.v1.Endpoints metadata=1meta.v1.ObjectMeta subsets=2[EndpointSubset
core.v1.EndpointsList metadata=1meta.v1.ListMeta items=2[!Endpoints
core.v1.EnvFromSource prefix=1s configMapRef=2*ConfigMapEnvSource secretRef=3*SecretEnvSource
core.v1.EnvVar name=1!s value=2s valueFrom=3*EnvVarSource
core.v1.EnvVarSource fieldRef=1*ObjectFieldSelector resourceFieldRef=2*ResourceFieldSelector configMapKeyRef=3*ConfigMapKeySelector secretKeyRef=4*SecretKeySelector fileKeyRef=5*FileKeySelector
core.v1.EphemeralContainer ephemeralContainerCommon=1^EphemeralContainerCommon targetContainerName=2s
core.v1.EphemeralContainerCommon name=1s image=2s command=3[s args=4[s workingDir=5s ports=6[ContainerPort env=7[EnvVar resources=8ResourceRequirements volumeMounts=9[VolumeMount livenessProbe=10*Probe readinessProbe=11*Probe lifecycle=12*Lifecycle terminationMessagePath=13s imagePullPolicy=14s securityContext=15*SecurityContext stdin=16b stdinOnce=17b tty=18b envFrom=19[EnvFromSource terminationMessagePolicy=20s volumeDevices=21[VolumeDevice startupProbe=22*Probe resizePolicy=23[ContainerResizePolicy restartPolicy=24*s restartPolicyRules=25[ContainerRestartRule
core.v1.EphemeralVolumeSource volumeClaimTemplate=1*PersistentVolumeClaimTemplate
core.v1.Event metadata=1meta.v1.ObjectMeta involvedObject=2ObjectReference reason=3s message=4s source=5EventSource firstTimestamp=6!meta.v1.Time lastTimestamp=7!meta.v1.Time count=8i type=9s eventTime=10!meta.v1.MicroTime series=11*EventSeries action=12s related=13*ObjectReference reportingComponent=14!s reportingInstance=15!s
core.v1.EventList metadata=1meta.v1.ListMeta items=2[!Event
core.v1.EventSeries count=1i lastObservedTime=2!meta.v1.MicroTime
core.v1.EventSource component=1s host=2s
core.v1.ExecAction command=1[s
core.v1.FCVolumeSource targetWWNs=1[s lun=2*i fsType=3s readOnly=4b wwids=5[s
core.v1.FileKeySelector volumeName=1!s path=2!s key=3!s optional=4*b
core.v1.FlexPersistentVolumeSource driver=1!s fsType=2s secretRef=3*SecretReference readOnly=4b options=5{s
core.v1.FlexVolumeSource driver=1!s fsType=2s secretRef=3*LocalObjectReference readOnly=4b options=5{s
core.v1.FlockerVolumeSource datasetName=1s datasetUUID=2s
core.v1.GCEPersistentDiskVolumeSource pdName=1!s fsType=2s partition=3i readOnly=4b
core.v1.GRPCAction port=1!i service=2*!s
core.v1.GitRepoVolumeSource repository=1!s revision=2s directory=3s
core.v1.GlusterfsPersistentVolumeSource endpoints=1!s path=2!s readOnly=3b endpointsNamespace=4*s
core.v1.GlusterfsVolumeSource endpoints=1!s path=2!s readOnly=3b
core.v1.HTTPGetAction path=1s port=2intstr.IntOrString host=3s scheme=4s httpHeaders=5[HTTPHeader
core.v1.HTTPHeader name=1!s value=2!s
core.v1.HostAlias ip=1!s hostnames=2[s
core.v1.HostIP ip=1!s
core.v1.HostPathVolumeSource path=1!s type=2*s
core.v1.ISCSIPersistentVolumeSource targetPortal=1!s iqn=2!s lun=3!i iscsiInterface=4s fsType=5s readOnly=6b portals=7[s chapAuthDiscovery=8b secretRef=10*SecretReference chapAuthSession=11b initiatorName=12*s
core.v1.ISCSIVolumeSource targetPortal=1!s iqn=2!s lun=3!i iscsiInterface=4s fsType=5s readOnly=6b portals=7[s chapAuthDiscovery=8b secretRef=10*LocalObjectReference chapAuthSession=11b initiatorName=12*s
core.v1.ImageVolumeSource reference=1s pullPolicy=2s
core.v1.ImageVolumeStatus imageRef=1!s
core.v1.KeyToPath key=1!s path=2!s mode=3*i
core.v1.Lifecycle postStart=1*LifecycleHandler preStop=2*LifecycleHandler stopSignal=3*s
core.v1.LifecycleHandler exec=1*ExecAction httpGet=2*HTTPGetAction tcpSocket=3*TCPSocketAction sleep=4*SleepAction
core.v1.LinuxContainerUser uid=1!l gid=2!l supplementalGroups=3[l
core.v1.LoadBalancerIngress ip=1s hostname=2s ipMode=3*s ports=4[PortStatus
core.v1.LoadBalancerStatus ingress=1[LoadBalancerIngress
core.v1.LocalObjectReference name=1s
core.v1.LocalVolumeSource path=1!s fsType=2*s
core.v1.ModifyVolumeStatus targetVolumeAttributesClassName=1s status=2!s
core.v1.NFSVolumeSource server=1!s path=2!s readOnly=3b
core.v1.Namespace metadata=1meta.v1.ObjectMeta spec=2NamespaceSpec status=3NamespaceStatus
core.v1.NamespaceCondition type=1!s status=2!s lastTransitionTime=4!meta.v1.Time reason=5s message=6s
core.v1.NamespaceList metadata=1meta.v1.ListMeta items=2[!Namespace
core.v1.NamespaceSpec finalizers=1[s
core.v1.NamespaceStatus phase=1s conditions=2[NamespaceCondition
core.v1.Node metadata=1meta.v1.ObjectMeta spec=2NodeSpec status=3NodeStatus
core.v1.NodeAddress type=1!s address=2!s
core.v1.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution=1*NodeSelector preferredDuringSchedulingIgnoredDuringExecution=2[PreferredSchedulingTerm
core.v1.NodeAllocatableResourceClaimStatus resourceClaimName=1!s containers=2[s resources=3{resource.Quantity
core.v1.NodeCondition type=1!s status=2!s lastHeartbeatTime=3!meta.v1.Time lastTransitionTime=4!meta.v1.Time reason=5s message=6s
core.v1.NodeConfigSource configMap=2*ConfigMapNodeConfigSource
core.v1.NodeConfigStatus assigned=1*NodeConfigSource active=2*NodeConfigSource lastKnownGood=3*NodeConfigSource error=4s
core.v1.NodeDaemonEndpoints kubeletEndpoint=1DaemonEndpoint
core.v1.NodeFeatures supplementalGroupsPolicy=1*b
core.v1.NodeList metadata=1meta.v1.ListMeta items=2[!Node
core.v1.NodeRuntimeHandler name=1s features=2*NodeRuntimeHandlerFeatures
core.v1.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts=1*b userNamespaces=2*b
core.v1.NodeSelector nodeSelectorTerms=1[!NodeSelectorTerm
core.v1.NodeSelectorRequirement key=1!s operator=2!s values=3[s
core.v1.NodeSelectorTerm matchExpressions=1[NodeSelectorRequirement matchFields=2[NodeSelectorRequirement
core.v1.NodeSpec podCIDR=1s externalID=2s providerID=3s unschedulable=4b taints=5[Taint configSource=6*NodeConfigSource podCIDRs=7[s
core.v1.NodeStatus capacity=1{resource.Quantity allocatable=2{resource.Quantity phase=3s conditions=4[NodeCondition addresses=5[NodeAddress daemonEndpoints=6NodeDaemonEndpoints nodeInfo=7NodeSystemInfo images=8[ContainerImage volumesInUse=9[s volumesAttached=10[AttachedVolume config=11*NodeConfigStatus runtimeHandlers=12[NodeRuntimeHandler features=13*NodeFeatures declaredFeatures=14[s
core.v1.NodeSwapStatus capacity=1*l
core.v1.NodeSystemInfo machineID=1!s systemUUID=2!s bootID=3!s kernelVersion=4!s osImage=5!s containerRuntimeVersion=6!s kubeletVersion=7!s kubeProxyVersion=8!s operatingSystem=9!s architecture=10!s swap=11*NodeSwapStatus
core.v1.ObjectFieldSelector apiVersion=1s fieldPath=2!s
core.v1.ObjectReference kind=1s namespace=2s name=3s uid=4s apiVersion=5s resourceVersion=6s fieldPath=7s
core.v1.PersistentVolume metadata=1meta.v1.ObjectMeta spec=2PersistentVolumeSpec status=3PersistentVolumeStatus
core.v1.PersistentVolumeClaim metadata=1meta.v1.ObjectMeta spec=2PersistentVolumeClaimSpec status=3PersistentVolumeClaimStatus
core.v1.PersistentVolumeClaimCondition type=1!s status=2!s lastProbeTime=3!meta.v1.Time lastTransitionTime=4!meta.v1.Time reason=5s message=6s
core.v1.PersistentVolumeClaimList metadata=1meta.v1.ListMeta items=2[!PersistentVolumeClaim
core.v1.PersistentVolumeClaimSpec accessModes=1[s resources=2VolumeResourceRequirements volumeName=3s selector=4*meta.v1.LabelSelector storageClassName=5*s volumeMode=6*s dataSource=7*TypedLocalObjectReference dataSourceRef=8*TypedObjectReference volumeAttributesClassName=9*s
core.v1.PersistentVolumeClaimStatus phase=1s accessModes=2[s capacity=3{resource.Quantity conditions=4[PersistentVolumeClaimCondition allocatedResources=5{resource.Quantity allocatedResourceStatuses=7{s currentVolumeAttributesClassName=8*s modifyVolumeStatus=9*ModifyVolumeStatus
core.v1.PersistentVolumeClaimTemplate metadata=1meta.v1.ObjectMeta spec=2PersistentVolumeClaimSpec
core.v1.PersistentVolumeClaimVolumeSource claimName=1!s readOnly=2b
core.v1.PersistentVolumeList metadata=1meta.v1.ListMeta items=2[!PersistentVolume
core.v1.PersistentVolumeSource gcePersistentDisk=1*GCEPersistentDiskVolumeSource awsElasticBlockStore=2*AWSElasticBlockStoreVolumeSource hostPath=3*HostPathVolumeSource glusterfs=4*GlusterfsPersistentVolumeSource nfs=5*NFSVolumeSource rbd=6*RBDPersistentVolumeSource iscsi=7*ISCSIPersistentVolumeSource cinder=8*CinderPersistentVolumeSource cephfs=9*CephFSPersistentVolumeSource fc=10*FCVolumeSource flocker=11*FlockerVolumeSource flexVolume=12*FlexPersistentVolumeSource azureFile=13*AzureFilePersistentVolumeSource vsphereVolume=14*VsphereVirtualDiskVolumeSource quobyte=15*QuobyteVolumeSource azureDisk=16*AzureDiskVolumeSource photonPersistentDisk=17*PhotonPersistentDiskVolumeSource portworxVolume=18*PortworxVolumeSource scaleIO=19*ScaleIOPersistentVolumeSource local=20*LocalVolumeSource storageos=21*StorageOSPersistentVolumeSource csi=22*CSIPersistentVolumeSource
core.v1.PersistentVolumeSpec capacity=1{resource.Quantity persistentVolumeSource=2^PersistentVolumeSource accessModes=3[s claimRef=4*ObjectReference persistentVolumeReclaimPolicy=5s storageClassName=6s mountOptions=7[s volumeMode=8*s nodeAffinity=9*VolumeNodeAffinity volumeAttributesClassName=10*s
core.v1.PersistentVolumeStatus phase=1s message=2s reason=3s lastPhaseTransitionTime=4*meta.v1.Time
core.v1.PhotonPersistentDiskVolumeSource pdID=1!s fsType=2s
core.v1.Pod metadata=1meta.v1.ObjectMeta spec=2PodSpec status=3PodStatus
core.v1.PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1[PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2[WeightedPodAffinityTerm
core.v1.PodAffinityTerm labelSelector=1*meta.v1.LabelSelector namespaces=2[s topologyKey=3!s namespaceSelector=4*meta.v1.LabelSelector matchLabelKeys=5[s mismatchLabelKeys=6[s
core.v1.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1[PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2[WeightedPodAffinityTerm
core.v1.PodCertificateProjection signerName=1s keyType=2s maxExpirationSeconds=3*i credentialBundlePath=4s keyPath=5s certificateChainPath=6s userAnnotations=7{s
core.v1.PodCondition type=1!s status=2!s lastProbeTime=3!meta.v1.Time lastTransitionTime=4!meta.v1.Time reason=5s message=6s observedGeneration=7l
core.v1.PodDNSConfig nameservers=1[s searches=2[s options=3[PodDNSConfigOption
core.v1.PodDNSConfigOption name=1s value=2*s
core.v1.PodExtendedResourceClaimStatus requestMappings=1[!ContainerExtendedResourceRequest resourceClaimName=2!s
core.v1.PodIP ip=1!s
core.v1.PodList metadata=1meta.v1.ListMeta items=2[!Pod
core.v1.PodOS name=1!s
core.v1.PodReadinessGate conditionType=1!s
core.v1.PodResourceClaim name=1!s resourceClaimName=3*s resourceClaimTemplateName=4*s
core.v1.PodResourceClaimStatus name=1!s resourceClaimName=2*s
core.v1.PodSchedulingGate name=1!s
core.v1.PodSchedulingGroup podGroupName=1*s
core.v1.PodSecurityContext seLinuxOptions=1*SELinuxOptions runAsUser=2*l runAsNonRoot=3*b supplementalGroups=4[l fsGroup=5*l runAsGroup=6*l sysctls=7[Sysctl windowsOptions=8*WindowsSecurityContextOptions fsGroupChangePolicy=9*s seccompProfile=10*SeccompProfile appArmorProfile=11*AppArmorProfile supplementalGroupsPolicy=12*s seLinuxChangePolicy=13*s
core.v1.PodSpec volumes=1[Volume containers=2[!Container restartPolicy=3s terminationGracePeriodSeconds=4*l activeDeadlineSeconds=5*l dnsPolicy=6s nodeSelector=7{s serviceAccountName=8s serviceAccount=9s nodeName=10s hostNetwork=11b hostPID=12b hostIPC=13b securityContext=14*PodSecurityContext imagePullSecrets=15[LocalObjectReference hostname=16s subdomain=17s affinity=18*Affinity schedulerName=19s initContainers=20[Container automountServiceAccountToken=21*b tolerations=22[Toleration hostAliases=23[HostAlias priorityClassName=24s priority=25*i dnsConfig=26*PodDNSConfig shareProcessNamespace=27*b readinessGates=28[PodReadinessGate runtimeClassName=29*s enableServiceLinks=30*b preemptionPolicy=31*s overhead=32{resource.Quantity topologySpreadConstraints=33[TopologySpreadConstraint ephemeralContainers=34[EphemeralContainer setHostnameAsFQDN=35*b os=36*PodOS hostUsers=37*b schedulingGates=38[PodSchedulingGate resourceClaims=39[PodResourceClaim resources=40*ResourceRequirements hostnameOverride=41*s schedulingGroup=43*PodSchedulingGroup
core.v1.PodStatus phase=1s conditions=2[PodCondition message=3s reason=4s hostIP=5s podIP=6s startTime=7*meta.v1.Time containerStatuses=8[ContainerStatus qosClass=9s initContainerStatuses=10[ContainerStatus nominatedNodeName=11s podIPs=12[PodIP ephemeralContainerStatuses=13[ContainerStatus resize=14s resourceClaimStatuses=15[PodResourceClaimStatus hostIPs=16[HostIP observedGeneration=17l extendedResourceClaimStatus=18*PodExtendedResourceClaimStatus allocatedResources=19{resource.Quantity resources=20*ResourceRequirements nodeAllocatableResourceClaimStatuses=21[NodeAllocatableResourceClaimStatus
core.v1.PodTemplateSpec metadata=1meta.v1.ObjectMeta spec=2PodSpec
core.v1.PortStatus port=1!i protocol=2!s error=3*s
core.v1.PortworxVolumeSource volumeID=1!s fsType=2s readOnly=3b
core.v1.PreferredSchedulingTerm weight=1!i preference=2NodeSelectorTerm
core.v1.Probe handler=1^ProbeHandler initialDelaySeconds=2i timeoutSeconds=3i periodSeconds=4i successThreshold=5i failureThreshold=6i terminationGracePeriodSeconds=7*l
core.v1.ProbeHandler exec=1*ExecAction httpGet=2*HTTPGetAction tcpSocket=3*TCPSocketAction grpc=4*GRPCAction
core.v1.ProjectedVolumeSource sources=1[VolumeProjection defaultMode=2*i
core.v1.QuobyteVolumeSource registry=1!s volume=2!s readOnly=3b user=4s group=5s tenant=6s
core.v1.RBDPersistentVolumeSource monitors=1[!s image=2!s fsType=3s pool=4s user=5s keyring=6s secretRef=7*SecretReference readOnly=8b
core.v1.RBDVolumeSource monitors=1[!s image=2!s fsType=3s pool=4s user=5s keyring=6s secretRef=7*LocalObjectReference readOnly=8b
core.v1.ResourceClaim name=1!s request=2s
core.v1.ResourceFieldSelector containerName=1s resource=2!s divisor=3resource.Quantity
core.v1.ResourceHealth resourceID=1!s health=2s message=6*s
core.v1.ResourceRequirements limits=1{resource.Quantity requests=2{resource.Quantity claims=3[ResourceClaim
core.v1.ResourceStatus name=1!s resources=2[ResourceHealth
core.v1.SELinuxOptions user=1s role=2s type=3s level=4s
core.v1.ScaleIOPersistentVolumeSource gateway=1!s system=2!s secretRef=3*!SecretReference sslEnabled=4b protectionDomain=5s storagePool=6s storageMode=7s volumeName=8s fsType=9s readOnly=10b
core.v1.ScaleIOVolumeSource gateway=1!s system=2!s secretRef=3*!LocalObjectReference sslEnabled=4b protectionDomain=5s storagePool=6s storageMode=7s volumeName=8s fsType=9s readOnly=10b
core.v1.SeccompProfile type=1!s localhostProfile=2*s
core.v1.Secret metadata=1meta.v1.ObjectMeta data=2{y type=3s stringData=4{s immutable=5*b
core.v1.SecretEnvSource localObjectReference=1^LocalObjectReference optional=2*b
core.v1.SecretKeySelector localObjectReference=1^LocalObjectReference key=2!s optional=3*b
core.v1.SecretList metadata=1meta.v1.ListMeta items=2[!Secret
core.v1.SecretProjection localObjectReference=1^LocalObjectReference items=2[KeyToPath optional=4*b
core.v1.SecretReference name=1s namespace=2s
core.v1.SecretVolumeSource secretName=1s items=2[KeyToPath defaultMode=3*i optional=4*b
core.v1.SecurityContext capabilities=1*Capabilities privileged=2*b seLinuxOptions=3*SELinuxOptions runAsUser=4*l runAsNonRoot=5*b readOnlyRootFilesystem=6*b allowPrivilegeEscalation=7*b runAsGroup=8*l procMount=9*s windowsOptions=10*WindowsSecurityContextOptions seccompProfile=11*SeccompProfile appArmorProfile=12*AppArmorProfile
core.v1.Service metadata=1meta.v1.ObjectMeta spec=2ServiceSpec status=3ServiceStatus
core.v1.ServiceAccount metadata=1meta.v1.ObjectMeta secrets=2[ObjectReference imagePullSecrets=3[LocalObjectReference automountServiceAccountToken=4*b
core.v1.ServiceAccountList metadata=1meta.v1.ListMeta items=2[!ServiceAccount
core.v1.ServiceAccountTokenProjection audience=1s expirationSeconds=2*l path=3!s
core.v1.ServiceList metadata=1meta.v1.ListMeta items=2[!Service
core.v1.ServicePort name=1s protocol=2s port=3!i targetPort=4intstr.IntOrString nodePort=5i appProtocol=6*s
core.v1.ServiceSpec ports=1[ServicePort selector=2{s clusterIP=3s type=4s externalIPs=5[s sessionAffinity=7s loadBalancerIP=8s loadBalancerSourceRanges=9[s externalName=10s externalTrafficPolicy=11s healthCheckNodePort=12i publishNotReadyAddresses=13b sessionAffinityConfig=14*SessionAffinityConfig ipFamilyPolicy=17*s clusterIPs=18[s ipFamilies=19[s allocateLoadBalancerNodePorts=20*b loadBalancerClass=21*s internalTrafficPolicy=22*s trafficDistribution=23*s
core.v1.ServiceStatus loadBalancer=1LoadBalancerStatus conditions=2[meta.v1.Condition
core.v1.SessionAffinityConfig clientIP=1*ClientIPConfig
core.v1.SleepAction seconds=1!l
core.v1.StorageOSPersistentVolumeSource volumeName=1s volumeNamespace=2s fsType=3s readOnly=4b secretRef=5*ObjectReference
core.v1.StorageOSVolumeSource volumeName=1s volumeNamespace=2s fsType=3s readOnly=4b secretRef=5*LocalObjectReference
core.v1.Sysctl name=1!s value=2!s
core.v1.TCPSocketAction port=1intstr.IntOrString host=2s
core.v1.Taint key=1!s value=2s effect=3!s timeAdded=4*meta.v1.Time
core.v1.Toleration key=1s operator=2s value=3s effect=4s tolerationSeconds=5*l
core.v1.TopologySelectorLabelRequirement key=1!s values=2[!s
core.v1.TopologySelectorTerm matchLabelExpressions=1[TopologySelectorLabelRequirement
core.v1.TopologySpreadConstraint maxSkew=1!i topologyKey=2!s whenUnsatisfiable=3!s labelSelector=4*meta.v1.LabelSelector minDomains=5*i nodeAffinityPolicy=6*s nodeTaintsPolicy=7*s matchLabelKeys=8[s
core.v1.TypedLocalObjectReference apiGroup=1*s kind=2!s name=3!s
core.v1.TypedObjectReference apiGroup=1*s kind=2!s name=3!s namespace=4*s
core.v1.Volume name=1!s volumeSource=2^VolumeSource
core.v1.VolumeDevice name=1!s devicePath=2!s
core.v1.VolumeMount name=1!s readOnly=2b mountPath=3!s subPath=4s mountPropagation=5*s subPathExpr=6s recursiveReadOnly=7*s
core.v1.VolumeMountStatus name=1!s mountPath=2!s readOnly=3b recursiveReadOnly=4*s volumeStatus=5*VolumeStatus
core.v1.VolumeNodeAffinity required=1*NodeSelector
core.v1.VolumeProjection secret=1*SecretProjection downwardAPI=2*DownwardAPIProjection configMap=3*ConfigMapProjection serviceAccountToken=4*ServiceAccountTokenProjection clusterTrustBundle=5*ClusterTrustBundleProjection podCertificate=6*PodCertificateProjection
core.v1.VolumeResourceRequirements limits=1{resource.Quantity requests=2{resource.Quantity
core.v1.VolumeSource hostPath=1*HostPathVolumeSource emptyDir=2*EmptyDirVolumeSource gcePersistentDisk=3*GCEPersistentDiskVolumeSource awsElasticBlockStore=4*AWSElasticBlockStoreVolumeSource gitRepo=5*GitRepoVolumeSource secret=6*SecretVolumeSource nfs=7*NFSVolumeSource iscsi=8*ISCSIVolumeSource glusterfs=9*GlusterfsVolumeSource persistentVolumeClaim=10*PersistentVolumeClaimVolumeSource rbd=11*RBDVolumeSource flexVolume=12*FlexVolumeSource cinder=13*CinderVolumeSource cephfs=14*CephFSVolumeSource flocker=15*FlockerVolumeSource downwardAPI=16*DownwardAPIVolumeSource fc=17*FCVolumeSource azureFile=18*AzureFileVolumeSource configMap=19*ConfigMapVolumeSource vsphereVolume=20*VsphereVirtualDiskVolumeSource quobyte=21*QuobyteVolumeSource azureDisk=22*AzureDiskVolumeSource photonPersistentDisk=23*PhotonPersistentDiskVolumeSource portworxVolume=24*PortworxVolumeSource scaleIO=25*ScaleIOVolumeSource projected=26*ProjectedVolumeSource storageos=27*StorageOSVolumeSource csi=28*CSIVolumeSource ephemeral=29*EphemeralVolumeSource image=30*ImageVolumeSource
core.v1.VolumeStatus image=1*ImageVolumeStatus
core.v1.VsphereVirtualDiskVolumeSource volumePath=1!s fsType=2s storagePolicyName=3s storagePolicyID=4s
core.v1.WeightedPodAffinityTerm weight=1!i podAffinityTerm=2PodAffinityTerm
core.v1.WindowsSecurityContextOptions gmsaCredentialSpecName=1*s gmsaCredentialSpec=2*s runAsUserName=3*s hostProcess=4*b
discovery.v1.Endpoint addresses=1[!s conditions=2EndpointConditions hostname=3*s targetRef=4*core.v1.ObjectReference deprecatedTopology=5{s nodeName=6*s zone=7*s hints=8*EndpointHints
discovery.v1.EndpointConditions ready=1*b serving=2*b terminating=3*b
discovery.v1.EndpointHints forZones=1[ForZone forNodes=2[ForNode
discovery.v1.EndpointPort name=1*s protocol=2*s port=3*i appProtocol=4*s
discovery.v1.EndpointSlice metadata=1meta.v1.ObjectMeta endpoints=2[!Endpoint ports=3[!EndpointPort addressType=4!s
discovery.v1.EndpointSliceList metadata=1meta.v1.ListMeta items=2[!EndpointSlice
discovery.v1.ForNode name=1!s
discovery.v1.ForZone name=1!s
events.v1.Event metadata=1meta.v1.ObjectMeta eventTime=2!meta.v1.MicroTime series=3*EventSeries reportingController=4s reportingInstance=5s action=6s reason=7s regarding=8core.v1.ObjectReference related=9*core.v1.ObjectReference note=10s type=11s deprecatedSource=12core.v1.EventSource deprecatedFirstTimestamp=13!meta.v1.Time deprecatedLastTimestamp=14!meta.v1.Time deprecatedCount=15i
events.v1.EventList metadata=1meta.v1.ListMeta items=2[!Event
events.v1.EventSeries count=1!i lastObservedTime=2!meta.v1.MicroTime
intstr.IntOrString type=1l intVal=2i strVal=3s
meta.v1.APIGroup name=1!s versions=2[!GroupVersionForDiscovery preferredVersion=3GroupVersionForDiscovery serverAddressByClientCIDRs=4[ServerAddressByClientCIDR
meta.v1.APIGroupList groups=1[!APIGroup
meta.v1.APIResource name=1!s namespaced=2!b kind=3!s verbs=4*!Verbs shortNames=5[s singularName=6!s categories=7[s group=8s version=9s storageVersionHash=10s
meta.v1.APIResourceList groupVersion=1!s resources=2[!APIResource
meta.v1.APIVersions versions=1[!s serverAddressByClientCIDRs=2[!ServerAddressByClientCIDR
meta.v1.Condition type=1!s status=2!s observedGeneration=3l lastTransitionTime=4!Time reason=5!s message=6!s
meta.v1.DeleteOptions gracePeriodSeconds=1*l preconditions=2*Preconditions orphanDependents=3*b propagationPolicy=4*s dryRun=5[s ignoreStoreReadErrorWithClusterBreakingPotential=6*b
meta.v1.FieldSelectorRequirement key=1!s operator=2!s values=3[s
meta.v1.FieldsV1 Raw=1y
meta.v1.GroupVersionForDiscovery groupVersion=1!s version=2!s
meta.v1.LabelSelector matchLabels=1{s matchExpressions=2[LabelSelectorRequirement
meta.v1.LabelSelectorRequirement key=1!s operator=2!s values=3[s
meta.v1.ListMeta selfLink=1s resourceVersion=2s continue=3s remainingItemCount=4*l shardInfo=5*ShardInfo
meta.v1.ManagedFieldsEntry manager=1s operation=2s apiVersion=3s time=4*Time fieldsType=6s fieldsV1=7*FieldsV1 subresource=8s
meta.v1.MicroTime seconds=1l nanos=2i
meta.v1.ObjectMeta name=1s generateName=2s namespace=3s selfLink=4s uid=5s resourceVersion=6s generation=7l creationTimestamp=8Time deletionTimestamp=9*Time deletionGracePeriodSeconds=10*l labels=11{s annotations=12{s ownerReferences=13[OwnerReference finalizers=14[s managedFields=17[ManagedFieldsEntry
meta.v1.OwnerReference kind=1!s name=3!s uid=4!s apiVersion=5!s controller=6*b blockOwnerDeletion=7*b
meta.v1.PartialObjectMetadata metadata=1ObjectMeta
meta.v1.PartialObjectMetadataList metadata=1ListMeta items=2[!PartialObjectMetadata
meta.v1.Preconditions uid=1*s resourceVersion=2*s
meta.v1.ServerAddressByClientCIDR clientCIDR=1!s serverAddress=2!s
meta.v1.ShardInfo selector=1!s
meta.v1.Status metadata=1ListMeta status=2s message=3s reason=4s details=5*StatusDetails code=6i
meta.v1.StatusCause reason=1s message=2s field=3s
meta.v1.StatusDetails name=1s group=2s kind=3s causes=4[StatusCause retryAfterSeconds=5i uid=6s
meta.v1.Time seconds=1l nanos=2i
meta.v1.Verbs items=1[s
node.v1.Overhead podFixed=1{resource.Quantity
node.v1.RuntimeClass metadata=1meta.v1.ObjectMeta handler=2!s overhead=3*Overhead scheduling=4*Scheduling
node.v1.RuntimeClassList metadata=1meta.v1.ListMeta items=2[!RuntimeClass
node.v1.Scheduling nodeSelector=1{s tolerations=2[core.v1.Toleration
policy.v1.Eviction metadata=1meta.v1.ObjectMeta deleteOptions=2*meta.v1.DeleteOptions
policy.v1.PodDisruptionBudget metadata=1meta.v1.ObjectMeta spec=2PodDisruptionBudgetSpec status=3PodDisruptionBudgetStatus
policy.v1.PodDisruptionBudgetList metadata=1meta.v1.ListMeta items=2[!PodDisruptionBudget
policy.v1.PodDisruptionBudgetSpec minAvailable=1*intstr.IntOrString selector=2*meta.v1.LabelSelector maxUnavailable=3*intstr.IntOrString unhealthyPodEvictionPolicy=4*s
policy.v1.PodDisruptionBudgetStatus observedGeneration=1l disruptedPods=2{meta.v1.Time disruptionsAllowed=3!i currentHealthy=4!i desiredHealthy=5!i expectedPods=6!i conditions=7[meta.v1.Condition
resource.Quantity string=1s
resource.v1.ResourceSliceList metadata=1meta.v1.ListMeta items=2[!meta.v1.PartialObjectMetadata
scheduling.v1.PriorityClass metadata=1meta.v1.ObjectMeta value=2!i globalDefault=3b description=4s preemptionPolicy=5*s
scheduling.v1.PriorityClassList metadata=1meta.v1.ListMeta items=2[!PriorityClass
storage.v1.CSIDriver metadata=1meta.v1.ObjectMeta spec=2CSIDriverSpec
storage.v1.CSIDriverList metadata=1meta.v1.ListMeta items=2[!CSIDriver
storage.v1.CSIDriverSpec attachRequired=1*b podInfoOnMount=2*b volumeLifecycleModes=3[s storageCapacity=4*b fsGroupPolicy=5*s tokenRequests=6[TokenRequest requiresRepublish=7*b seLinuxMount=8*b nodeAllocatableUpdatePeriodSeconds=9*l serviceAccountTokenInSecrets=10*b preventPodSchedulingIfMissing=11*b
storage.v1.CSINode metadata=1meta.v1.ObjectMeta spec=2CSINodeSpec
storage.v1.CSINodeDriver name=1!s nodeID=2!s topologyKeys=3[!s allocatable=4*VolumeNodeResources
storage.v1.CSINodeList metadata=1meta.v1.ListMeta items=2[!CSINode
storage.v1.CSINodeSpec drivers=1[!CSINodeDriver
storage.v1.StorageClass metadata=1meta.v1.ObjectMeta provisioner=2!s parameters=3{s reclaimPolicy=4*s mountOptions=5[s allowVolumeExpansion=6*b volumeBindingMode=7*s allowedTopologies=8[core.v1.TopologySelectorTerm
storage.v1.StorageClassList metadata=1meta.v1.ListMeta items=2[!StorageClass
storage.v1.TokenRequest audience=1!s expirationSeconds=2*l
storage.v1.VolumeAttachment metadata=1meta.v1.ObjectMeta spec=2VolumeAttachmentSpec status=3VolumeAttachmentStatus
storage.v1.VolumeAttachmentList metadata=1meta.v1.ListMeta items=2[!VolumeAttachment
storage.v1.VolumeAttachmentSource persistentVolumeName=1*s inlineVolumeSpec=2*core.v1.PersistentVolumeSpec
storage.v1.VolumeAttachmentSpec attacher=1!s source=2VolumeAttachmentSource nodeName=3!s
storage.v1.VolumeAttachmentStatus attached=1!b attachmentMetadata=2{s attachError=3*VolumeError detachError=4*VolumeError
storage.v1.VolumeError time=1!meta.v1.Time message=2s errorCode=3*i
storage.v1.VolumeNodeResources count=1*i
`;
